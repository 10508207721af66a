/**
 * Created `protocol/approve/testdata/signed.json`, and adds vectors for new algorithms or kinds of frames.
 * The existing content stays: the Rust code and this client are tested against it, so that a change
 * of either is noticed. Keys and signatures are random; a file made from scratch would differ.
 *
 *     node scripts/make-vectors.mjs
 */
import { readFile, writeFile } from "node:fs/promises";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { concat, fromBase64url, randomId, toBase64url } from "../src/bytes.js";
import { fingerprintOf, roomFingerprintOf } from "../src/fingerprints.js";
import { ridOf, uidOf } from "../src/ids.js";
import { SIGN_ALGS, SigningKey } from "../src/keys.js";
import { MessageKey } from "../src/messages.js";
import { BOX_ALG, BoxKey, seal } from "../src/sealing.js";
import { signFields, signedBytes } from "../src/signed.js";

const FILE = new URL("../../../../protocol/approve/testdata/signed.json", import.meta.url);
const SERVER = "127.0.0.1:4000";
const EXP = 1_893_456_000_000; // 1 January 2030

const none = { about: "", ids: [], boxes: [], signed: [], judged: [], sealed: [], fingerprints: [], messages: [] };
const vectors = { ...none, ...JSON.parse(await readFile(FILE, "utf8").catch(() => "{}")) };
vectors.about = [
  "Test vectors of docs/protocol.md, made once by server/web/client/scripts/make-vectors.mjs.",
  "Binary values are base64url without padding. ids and boxes: what a public key hashes to.",
  "signed: bytes is the field list of kind and fields, sig the signature of private over it",
  "(ECDSA is randomised: verify it, do not compare it). judged: whether sig is good for kind and fields.",
  "sealed: ct opens with box_private to plaintext. fingerprints: the words of a user and a box, or of a room.",
  "messages: what sealed, sent as event in the room of room_key, says to its members.",
].join(" ");

const nonce = (length) => toBase64url(crypto.getRandomValues(new Uint8Array(length)));

async function addSigned(kind, fields, key) {
  vectors.signed.push({
    kind,
    fields,
    bytes: toBase64url(signedBytes(kind, fields)),
    alg: key.alg,
    private: toBase64url(key.private),
    pub: toBase64url(key.pub),
    sig: await signFields(kind, fields, key),
  });
}

async function addAlgorithm(alg) {
  const [member, newcomer, room] = await Promise.all([1, 2, 3].map(() => SigningKey.generate(alg)));
  const uid = await uidOf(alg, newcomer.pub);
  const by = await uidOf(alg, member.pub);
  const rid = await ridOf(alg, room.pub);
  vectors.ids.push({ kind: "uid", alg, pub: toBase64url(newcomer.pub), id: uid });
  vectors.ids.push({ kind: "uid", alg, pub: toBase64url(member.pub), id: by });
  vectors.ids.push({ kind: "rid", alg, pub: toBase64url(room.pub), id: rid });

  const box = await BoxKey.generate();
  vectors.boxes.push({ box_alg: BOX_ALG, box_pub: toBase64url(box.pub), box: box.id });

  await addSigned("session", { server: SERVER, uid, nonce: nonce(40) }, newcomer);
  await addSigned("prove", { server: SERVER, rid, uid: by, nonce: nonce(16) }, room);
  await addSigned("card", { rid, version: 1, policy: "request", name: "Garden" }, room);
  await addSigned("card", { rid, version: 4_294_967_297, policy: "secret" }, room);

  const request = { rid, uid, request_id: randomId(), box_alg: BOX_ALG, box_pub: toBase64url(box.pub) };
  await addSigned("request", { ...request, exp: EXP }, newcomer);
  for (const note of ["It is Bob", "Γειά σου, 花園 🌱"]) {
    await addSigned("request", { ...request, request_id: randomId(), note, exp: EXP }, newcomer);
  }

  const context = { rid, request_id: request.request_id, to: uid };
  const ct = toBase64url(await seal(fromBase64url(request.box_pub), context, room.private));
  const approve = { ...context, approve_id: randomId(), by, box: box.id, alg: BOX_ALG, ct, exp: EXP };
  await addSigned("approve", approve, room);
  await addSigned("approve", approve, member);

  vectors.sealed.push({
    ...context,
    box_private: toBase64url(box.private),
    box_pub: toBase64url(box.pub),
    ct,
    plaintext: toBase64url(room.private),
  });
}

/** A denial of the request that the algorithm's approve answers. */
async function addDenials(alg) {
  const approve = vectors.signed.find((vector) => vector.kind === "approve" && vector.alg === alg);
  const room = await SigningKey.fromPrivate(alg, fromBase64url(approve.private));
  const { rid, request_id, to, by } = approve.fields;
  await addSigned("deny", { rid, request_id, to, by, code: "not_now", block: false }, room);
  await addSigned("deny", { rid, request_id, to, by, code: "", block: true }, room);
}

/** The algorithm's member hands the room over to the newcomer. */
async function addHandOver(alg) {
  const approves = vectors.signed.filter((vector) => vector.kind === "approve" && vector.alg === alg);
  const member = await SigningKey.fromPrivate(alg, fromBase64url(approves[1].private));
  const { rid, to, by: uid } = approves[1].fields;
  await addSigned("hand_over", { server: SERVER, rid, uid, to, nonce: nonce(16) }, member);
}

/** Signatures and keys in forms that only some libraries accept. */
async function addJudged() {
  const { kind, fields, alg, private: secret, pub, sig } = vectors.signed.find(({ alg }) => alg === "secp256k1");
  const privateBytes = fromBase64url(secret);
  const point = fromBase64url(pub);
  const low = fromBase64url(sig);
  const order = secp256k1.Point.Fn.ORDER;
  const scalar = (number) => Uint8Array.from(number.toString(16).padStart(64, "0").match(/../g), (pair) => `0x${pair}`);
  const s = BigInt(`0x${Array.from(low.subarray(32), (byte) => byte.toString(16).padStart(2, "0")).join("")}`);
  const [r, zero] = [low.subarray(0, 32), new Uint8Array(32)];

  const altered = (bytes, at) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
  const tagged = (tag) => concat(Uint8Array.of(tag), point.subarray(1));
  const other = fromBase64url(vectors.ids.find((id) => id.alg === "secp256k1" && id.pub !== pub).pub);
  const cases = [
    ["as it was made, with the smaller s", point, low, true],
    ["the larger s", point, concat(r, scalar(order - s)), true],
    ["an altered r", point, altered(low, 0), false],
    ["an altered s", point, altered(low, 63), false],
    ["r is zero", point, concat(zero, low.subarray(32)), false],
    ["s is zero", point, concat(r, zero), false],
    ["both are zero", point, new Uint8Array(64), false],
    ["r is the order", point, concat(scalar(order), low.subarray(32)), false],
    ["s is the order", point, concat(r, scalar(order)), false],
    ["a compressed key", secp256k1.getPublicKey(privateBytes, true), low, false],
    ["a hybrid key", tagged(6 + (point[64] & 1)), low, false],
    ["a key without its tag", point.subarray(1), low, false],
    ["a key off the curve", altered(point, 64), low, false],
    ["a key of zeros", new Uint8Array(65), low, false],
    ["another key", other, low, false],
  ];
  for (const [about, key, signature, good] of cases) {
    vectors.judged.push({ about, kind, fields, alg, pub: toBase64url(key), sig: toBase64url(signature), good });
  }
}

async function addFingerprints() {
  const { rid, uid } = vectors.signed.find(({ kind }) => kind === "request").fields;
  for (const { box } of vectors.boxes) {
    vectors.fingerprints.push({ uid, box, words: await fingerprintOf(uid, box) });
  }
  for (const id of [rid, toBase64url(new Uint8Array(32))]) {
    vectors.fingerprints.push({ rid: id, words: await roomFingerprintOf(id) });
  }
}

async function addMessages() {
  const { rid, plaintext: room_key } = vectors.sealed[0];
  const { alg } = vectors.ids.find(({ id }) => id === rid);
  const key = await MessageKey.of(rid, await SigningKey.fromPrivate(alg, fromBase64url(room_key)));
  for (const content of ["hello", { text: "Γειά σου, 花園 🌱" }]) {
    vectors.messages.push({ rid, alg, room_key, event: "say", ...(await key.seal("say", content)), content });
  }
}

for (const alg of SIGN_ALGS) {
  if (!vectors.ids.some((vector) => vector.alg === alg)) await addAlgorithm(alg);
  const lacks = (kind) => !vectors.signed.some((vector) => vector.kind === kind && vector.alg === alg);
  if (lacks("deny")) await addDenials(alg);
  if (lacks("hand_over")) await addHandOver(alg);
}
if (vectors.judged.length === 0) await addJudged();
if (vectors.fingerprints.length === 0) await addFingerprints();
if (vectors.messages.length === 0) await addMessages();

await writeFile(FILE, `${JSON.stringify(vectors, null, 2)}\n`);
