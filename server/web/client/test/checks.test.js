import assert from "node:assert/strict";
import { test } from "vitest";
import { toBase64url } from "../src/bytes.js";
import {
  checkCard, checkDenial, checkMadeRoom, checkRequest, openApprove, serverSaysOf,
} from "../src/checks.js";
import { ridOf, uidOf } from "../src/ids.js";
import { SigningKey } from "../src/keys.js";
import { BoxKey, seal } from "../src/sealing.js";
import { signFields } from "../src/signed.js";
import { makeApprove, makeDenial, makeRequest, makeRoom, makeUser } from "./support.js";

const [alice, bob, mallory] = await Promise.all([makeUser(), makeUser("ed25519"), makeUser()]);
const [garden, cellar, attic] = await Promise.all([makeRoom(), makeRoom("ed25519"), makeRoom("secp256k1")]);

const refused = (reason, detail, code) => ({ name: "VestibuleError", reason, detail, code });

async function makeCard(room, changes = {}) {
  const card = { rid: room.rid, room_pub: toBase64url(room.key.pub), alg: room.key.alg, version: 1, policy: "request" };
  return { ...card, sig: await signFields("card", card, room.key), ...changes };
}

test("only a card of the room is accepted", async () => {
  const card = await makeCard(garden);
  assert.equal(await checkCard(card, garden.rid), card);
  const bad = (changed, detail) => assert.rejects(checkCard(changed, garden.rid), refused("bad_card", detail));
  await bad(await makeCard(cellar), "it belongs to another room");
  await bad({ ...(await makeCard(cellar)), rid: garden.rid }, "the key does not match the room's id");
  await bad({ ...card, policy: "open" }, "the signature is invalid");
  await bad({ ...card, name: "Cellar" }, "the signature is invalid");
  await bad({ ...card, room_pub: 7 }, "malformed");
  await bad(null, "malformed");
});

test("a request is refused unless its user signed all of it", async () => {
  const { item, box } = await makeRequest(garden, bob);
  const checked = await checkRequest(item, garden.rid);
  assert.equal(checked.box, box.id);
  assert.match(checked.fingerprint, /^[a-z]+( [a-z]+){7}$/);

  const bad = (changed, detail) => assert.rejects(checkRequest(changed, garden.rid), refused("bad_request", detail));
  const stolen = await BoxKey.generate();
  await bad({ ...item, box_pub: toBase64url(stolen.pub) }, "the signature is invalid");
  await bad({ ...item, note: "It is Alice" }, "the signature is invalid");
  await bad({ ...item, uid: mallory.uid }, "the key does not match the user's id");
  await bad({ ...item, sign_pub: toBase64url(mallory.key.pub), sign_alg: "p256" }, "the key does not match the user's id");
  await bad((await makeRequest(cellar, bob)).item, "it is for another room");
  await bad((await makeRequest(garden, bob, { signed: { exp: Date.now() - 1 } })).item, "it has expired");
  await bad((await makeRequest(garden, bob, { signed: { box_alg: "rot13" } })).item, "unknown box algorithm");
  await bad({ ...item, exp: "soon" }, "malformed");
});

test("a different box or user has a different fingerprint", async () => {
  const { item, box } = await makeRequest(garden, bob);
  const again = await makeRequest(garden, bob, { boxKey: box });
  const others = [await makeRequest(garden, bob), await makeRequest(garden, mallory, { boxKey: box })];
  const { fingerprint } = await checkRequest(item, garden.rid);
  assert.equal((await checkRequest(again.item, garden.rid)).fingerprint, fingerprint);
  for (const other of others) assert.notEqual((await checkRequest(other.item, garden.rid)).fingerprint, fingerprint);
});

test("an approve yields the room key", async () => {
  for (const room of [garden, cellar, attic]) {
    const { item, box } = await makeRequest(room, bob);
    const asked = { rid: room.rid, request_id: item.request_id, uid: bob.uid, box };
    const key = await openApprove(await makeApprove(room, alice, item), asked);
    assert.ok(key.equals(room.key));
    assert.deepEqual(key.private, room.key.private);
  }
});

test("an approve with any wrong field is refused", async () => {
  const { item, box } = await makeRequest(garden, bob);
  const asked = { rid: garden.rid, request_id: item.request_id, uid: bob.uid, box };
  const good = await makeApprove(garden, alice, item);
  const bad = (approve, detail, code) =>
    assert.rejects(openApprove(approve, asked), refused("bad_approve", detail, code));
  const context = { rid: garden.rid, request_id: item.request_id, to: bob.uid };
  const sealed = async (boxPub, secret, changes = {}) =>
    toBase64url(await seal(boxPub, { ...context, ...changes }, secret));

  const elsewhere = await makeRequest(cellar, bob);
  await bad(await makeApprove(cellar, alice, elsewhere.item), "it is for another room");
  const earlier = await makeRequest(garden, bob, { boxKey: box });
  await bad(await makeApprove(garden, alice, earlier.item), "it is for another request");
  await bad(await makeApprove(garden, alice, item, { to: mallory.uid }), "it is for another user");
  const { box_pub } = elsewhere.item;
  await bad(await makeApprove(garden, alice, { ...item, box_pub }), "it is for another box", "undecryptable");
  await bad({ ...good, alg: "none" }, "unknown sealing algorithm", "undecryptable");

  await bad(await makeApprove(garden, alice, item, { by: mallory.uid }), "the key does not match the approver's id", "bad_sig");
  await bad({ ...good, user_sig: good.room_sig }, "the approver's signature is invalid", "bad_sig");
  await bad({ ...good, exp: good.exp + 1 }, "the approver's signature is invalid", "bad_sig");
  await bad({ ...good, room_sig: good.user_sig }, "the room's signature is invalid", "bad_sig");

  const ct = await sealed(box.pub, garden.key.private, { request_id: earlier.item.request_id });
  await bad(await makeApprove(garden, alice, item, { ct }), "it cannot be decrypted", "undecryptable");
  const swapped = await sealed(elsewhere.box.pub, garden.key.private);
  await bad(await makeApprove(garden, alice, item, { ct: swapped }), "it cannot be decrypted", "undecryptable");
  const { private: wrong } = await SigningKey.generate();
  const other = await makeApprove(garden, alice, item, { ct: await sealed(box.pub, wrong) });
  await bad(other, "the key does not match the room's id", "wrong_key");
  const short = await sealed(box.pub, wrong.subarray(1));
  await bad(await makeApprove(garden, alice, item, { ct: short }), "the key does not match the room's id", "wrong_key");
  await bad({ ...good, ct: undefined }, "malformed", "bad_sig");
  const torn = await makeApprove(garden, alice, item, { ct: toBase64url(new Uint8Array(7)) });
  await bad(torn, "it cannot be decrypted", "undecryptable");
  await bad("approve", "it is for another room");
});

test("a denial must be signed by the room of the card", async () => {
  const { item } = await makeRequest(garden, bob);
  const denied = { rid: garden.rid, request_id: item.request_id, to: bob.uid };
  const card = await makeCard(garden);
  const content = { code: "not_now", block: false, by: alice.uid };
  const room_sig = await signFields("deny", { ...denied, ...content }, garden.key);
  const denial = { ...content, room_sig, seq: 7 };
  assert.deepEqual(await checkDenial(denial, denied, card), content);
  for (const changes of [{ code: "never" }, { block: true }, { by: bob.uid }, { room_sig: undefined }]) {
    await assert.rejects(checkDenial({ ...denial, ...changes }, denied, card), { reason: "bad_denial" });
  }
  await assert.rejects(checkDenial(denial, { ...denied, to: alice.uid }, card), { reason: "bad_denial" });
  await assert.rejects(checkDenial(denial, denied, null), refused("bad_denial", "the room's key is unknown"));
});

test("a room created by the server is checked", async () => {
  const made = { rid: garden.rid, room_key: toBase64url(garden.key.private), card: await makeCard(garden) };
  const asked = { alg: "p256", policy: "request" };
  assert.ok((await checkMadeRoom(made, asked)).key.equals(garden.key));
  const bad = (changes, ...error) => assert.rejects(checkMadeRoom({ ...made, ...changes }, asked), refused(...error));
  await bad({ room_key: toBase64url(cellar.key.private) }, "bad_room", "the key does not match the room's id");
  await bad({ card: await makeCard(cellar) }, "bad_card", "it belongs to another room");
  for (const other of [{ alg: "ed25519" }, { policy: "open" }, { name: "Garden" }]) {
    const error = refused("bad_room", "the room differs from what was requested");
    await assert.rejects(checkMadeRoom(made, { ...asked, ...other }), error);
  }
});

test("hidden characters in a note are refused", async () => {
  const { item } = await makeRequest(garden, bob, { signed: { note: "It is\nBob" } });
  const error = refused("bad_request", "the note contains control or format characters");
  await assert.rejects(checkRequest(item, garden.rid), error);
});

test("the server's word about an account is shown if it can be", async () => {
  const { item } = await makeRequest(garden, bob);
  const said = (server_says) => serverSaysOf({ ...item, server_says });
  assert.deepEqual(said({ account: "bob@example.com" }), { account: "bob@example.com" });
  for (const nothing of [undefined, null, "bob", {}, { account: "" }, { account: 1 }, { account: "bob\u202Emoc" }]) {
    assert.equal(said(nothing), undefined);
  }
  await checkRequest({ ...item, server_says: { account: "bob@example.com" } }, garden.rid);
});

test("hidden characters in a name are refused", async () => {
  const fields = { rid: garden.rid, version: 1, policy: "request", name: "Gar\u00ADden" };
  const card = { ...(await makeCard(garden)), ...fields, sig: await signFields("card", fields, garden.key) };
  const error = refused("bad_card", "the name contains control or format characters");
  await assert.rejects(checkCard(card, garden.rid), error);
});

test("an expired approve is refused without a nack code", async () => {
  const { item, box } = await makeRequest(garden, bob);
  const asked = { rid: garden.rid, request_id: item.request_id, uid: bob.uid, box };
  const approve = await makeApprove(garden, alice, item);
  await assert.rejects(openApprove(approve, asked, approve.exp), refused("bad_approve", "it has expired", undefined));
  assert.ok(await openApprove(approve, asked, approve.exp - 1));
});

test("signatures by keys of small order are refused", async () => {
  // This signature is valid for any text under the identity point.
  const [pub, sig] = [32, 64].map((length) => {
    const bytes = new Uint8Array(length);
    bytes[0] = 1;
    return bytes;
  });
  const rid = await ridOf("ed25519", pub);
  const card = { rid, room_pub: toBase64url(pub), alg: "ed25519", version: 1, policy: "open", sig: toBase64url(sig) };
  await assert.rejects(checkCard(card, rid), refused("bad_card", "the signature is invalid"));
  const { item } = await makeRequest(garden, bob);
  const uid = await uidOf("ed25519", pub);
  const forged = { ...item, uid, sign_alg: "ed25519", sign_pub: toBase64url(pub), sig: toBase64url(sig) };
  await assert.rejects(checkRequest(forged, garden.rid), refused("bad_request", "the signature is invalid"));
});

test("hidden characters in a denial's code are refused", async () => {
  const { item } = await makeRequest(garden, bob);
  const denial = await makeDenial(garden, alice, item, { code: "no\u001b[2J" });
  const denied = { rid: garden.rid, request_id: item.request_id, to: bob.uid };
  const error = refused("bad_denial", "the code contains control or format characters");
  await assert.rejects(checkDenial(denial, denied, await makeCard(garden)), error);
});
