/**
 * Made `protocol/testdata/signed.json`, once. The file is a literal since: the Rust code and this client are checked
 * against it, so a change of either shows. Keys and signatures are random; a second run would make other vectors.
 *
 *     node scripts/make-vectors.mjs > ../../../protocol/testdata/signed.json
 */
import { fromBase64url, randomId, toBase64url } from "../src/bytes.js";
import { ridOf, uidOf } from "../src/ids.js";
import { SIGN_ALGS, SigningKey } from "../src/keys.js";
import { BOX_ALG, BoxKey, seal } from "../src/sealing.js";
import { signFields, signedBytes } from "../src/signed.js";

const SERVER = "127.0.0.1:4000";
const EXP = 1_893_456_000_000; // 1 January 2030

const vectors = { about: "", ids: [], boxes: [], signed: [], sealed: [] };
vectors.about = [
  "Test vectors of docs/protocol.md, made once by server/web/client/scripts/make-vectors.mjs.",
  "Binary values are base64url without padding. ids and boxes: what a public key hashes to.",
  "signed: bytes is the field list of kind and fields, sig the signature of private over it",
  "(ECDSA is randomised: verify it, do not compare it). sealed: ct opens with box_private to plaintext.",
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

for (const alg of SIGN_ALGS) {
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

process.stdout.write(`${JSON.stringify(vectors, null, 2)}\n`);
