/** Refusals and repetitions as the protocol's tables define them, with phoenix.js alone. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BoxKey, SigningKey, fromBase64url, randomId, ridOf, signFields, toBase64url } from "vestibule-client/protocol";
import { PhoenixUser, next, reply } from "./phoenix_user.js";
import { Server } from "./support.js";

const DAY_MS = 86_400_000;

let server, alice, bob, rid, roomKey, garden, door;
before(async () => {
  server = await Server.begin();
  [alice, bob] = await Promise.all([PhoenixUser.connect(server), PhoenixUser.connect(server)]);
  roomKey = await SigningKey.generate("ed25519");
  rid = await ridOf(roomKey.alg, roomKey.pub);
  garden = await alice.join(`room:${rid}`);
  await alice.prove(garden.channel, garden.joined.nonce, roomKey);
  await card({ version: 1, policy: "request", name: "Garden" });
  door = await bob.join(`room:${rid}`);
});
after(async () => {
  await Promise.all([alice.disconnect(), bob.disconnect()]);
  await server.end();
});

const sendRequest = (payload) => reply(door.channel.push("request", payload));
const sendApprove = (payload) => reply(garden.channel.push("approve", payload));
const assertRefused = (promise, reason) => assert.rejects(promise, { reason });

async function card(fields) {
  const sig = await signFields("card", { rid, ...fields }, roomKey);
  return reply(garden.channel.push("card", { ...fields, sig }));
}

/** Bob's request as Alice receives it. */
async function openRequest() {
  const box = await BoxKey.generate();
  const payload = await bob.request(rid, box);
  const arriving = next(garden.channel, "request");
  await sendRequest(payload);
  return { box, payload, item: await arriving };
}

test("joins are refused for wrong topics and versions", { timeout: 30_000 }, async () => {
  await assertRefused(alice.join("elsewhere:1"), "unmatched topic");
  await assertRefused(alice.join(`user:${bob.uid}`), "unauthorized");
  const old = bob.socket.channel(`user:${bob.uid}`, { v: 2, device: bob.device });
  await assertRefused(reply(old.join()), "unsupported_version");
  old.leave();
  const inbox = await bob.join(`user:${bob.uid}`);
  assert.deepEqual([inbox.joined.v, inbox.joined.server, inbox.joined.more], [1, bob.server, false]);
  assert.equal(inbox.joined.epoch, door.joined.epoch);
  inbox.channel.leave();
});

test("cards are refused unless new, valid and by a member", { timeout: 30_000 }, async () => {
  await assertRefused(card({ version: 1, policy: "open", name: "Garden" }), "version_conflict");
  await assertRefused(card({ version: 2, policy: "request", name: "x".repeat(81) }), "too_large");
  await assertRefused(card({ version: 2, policy: "nobody" }), "bad_payload");
  await assertRefused(reply(garden.channel.push("card", { version: 2, policy: "open", sig: "A".repeat(86) })), "bad_sig");
  await assertRefused(reply(door.channel.push("card", { version: 2, policy: "open", sig: "A".repeat(86) })), "not_member");
  assert.equal((await card({ version: 2, policy: "request", name: "Garden" })).version, 2);
});

test("requests are checked, and repeating them is harmless", { timeout: 30_000 }, async () => {
  const box = await BoxKey.generate();
  const request = await bob.request(rid, box, { note: "It is Bob" });
  await assertRefused(sendRequest({ ...request, note: "It is Alice" }), "bad_sig");
  await assertRefused(sendRequest(await bob.request(rid, box, { note: "x".repeat(281) })), "too_large");
  await assertRefused(sendRequest(await bob.request(rid, box, { exp: Date.now() - 1 })), "expired");
  await assertRefused(sendRequest(await bob.request(rid, box, { exp: Date.now() + 31 * DAY_MS })), "bad_payload");
  await assertRefused(sendRequest(await alice.request(rid, box)), "unauthorized");
  const nowhere = await bob.join(`room:${await ridOf("p256", alice.key.pub)}`);
  const lost = await bob.request(await ridOf("p256", alice.key.pub), box);
  await assertRefused(reply(nowhere.channel.push("request", lost)), "unknown_room");

  const { seq } = await sendRequest(request);
  const { request_id } = request;
  const again = await bob.request(rid, box, { request_id, note: "It is Bob", exp: request.exp });
  assert.notEqual(again.sig, request.sig);
  const known = { request_id, state: "pending", seq, dup: true };
  assert.deepEqual(await sendRequest(again), known, "another signature of the same request");
  await assertRefused(sendRequest(await bob.request(rid, box, { request_id, note: "other" })), "id_conflict");
  assert.deepEqual(await sendRequest(await bob.request(rid, box)), known, "another request with the same box");

  assert.equal((await reply(garden.channel.push("withdraw", { request_id }))).dup, true, "another user's");
  assert.equal((await reply(door.channel.push("status", { request_id }))).state, "pending");
  assert.equal((await reply(door.channel.push("withdraw", { request_id }))).dup, false);
  assert.equal((await reply(door.channel.push("withdraw", { request_id }))).dup, true);
  assert.equal((await sendRequest(request)).state, "withdrawn", "a late repetition reopens nothing");
});

test("approves are checked, and repeating them is harmless", { timeout: 30_000 }, async () => {
  const { box, payload, item } = await openRequest();
  const good = await alice.approve(item, box.pub, roomKey);
  await assertRefused(reply(door.channel.push("approve", good)), "not_member");
  await assertRefused(sendApprove({ ...good, room_sig: good.user_sig }), "bad_sig");
  await assertRefused(sendApprove({ ...good, user_sig: good.room_sig }), "bad_sig");
  await assertRefused(sendApprove(await alice.approve({ ...item, request_id: randomId() }, box.pub, roomKey)), "no_request");
  const { pub } = await BoxKey.generate();
  await assertRefused(sendApprove(await alice.approve(item, pub, roomKey)), "box_mismatch");
  await assertRefused(sendApprove(await alice.approve({ ...item, exp: Date.now() - 1 }, box.pub, roomKey)), "expired");
  await assertRefused(sendApprove({ ...good, sign_pub: bob.sign_pub }), "unauthorized");

  const delivered = next(door.channel, "approve");
  assert.equal((await sendApprove(good)).dup, false);
  const approve = await delivered;
  const { items } = await reply(garden.channel.push("pending", {}));
  assert.deepEqual(items.map(({ request_id, approvals }) => [request_id, approvals]), [[payload.request_id, 1]]);
  const other = await alice.approve(item, box.pub, roomKey);
  await assertRefused(sendApprove(other), "slots_full");
  await assertRefused(sendApprove({ ...other, approve_id: good.approve_id }), "bad_sig");

  const { approve_id } = approve;
  const ack = (channel) => reply(channel.push("ack", { approve_id, device: bob.device }));
  assert.equal((await ack(garden.channel)).dup, true, "another user's");
  assert.equal((await ack(door.channel)).dup, false);
  assert.equal((await ack(door.channel)).dup, true);
  const repeated = await sendApprove(good);
  assert.deepEqual([repeated.state, repeated.dup], ["done", true], "a late repetition of the accepted approve");
  const late = await alice.approve(item, box.pub, roomKey);
  await assert.rejects(sendApprove(late), ({ reason }) => ["closed", "no_request"].includes(reason));
  assert.equal((await sendRequest(payload)).state, "done", "a late repetition reopens nothing");
});

test("own events are refused to guests and with reserved names", { timeout: 30_000 }, async () => {
  await assertRefused(reply(door.channel.push("hello", {})), "not_member");
  for (const name of ["phx_hello", "request_gone", "caught_up", "presence_state"]) {
    await assertRefused(reply(garden.channel.push(name, {})), "bad_payload");
  }
});

test("sign-ins are refused for wrong names and nonces", { timeout: 30_000 }, async () => {
  const post = async (path, body, headers = {}) => {
    const init = { method: "POST", headers: { "content-type": "application/json", ...headers } };
    const response = await fetch(server.url + path, { ...init, body: JSON.stringify(body) });
    return { status: response.status, answer: await response.json() };
  };
  const { nonce } = (await post("/v1/challenge", { uid: bob.uid })).answer;
  const session = async (name, changes = {}) => {
    const sig = await signFields("session", { server: name, uid: bob.uid, nonce }, bob.key);
    const body = { sign_pub: bob.sign_pub, alg: "p256", nonce, sig, ...changes };
    const { status, answer } = await post("/v1/session", body);
    return [status, answer.reason];
  };
  assert.deepEqual(await session(bob.server), [200, undefined]);
  assert.deepEqual(await session("elsewhere:4000"), [400, "bad_sig"]);
  assert.deepEqual(await session(bob.server, { alg: "rot13" }), [400, "bad_payload"]);
  const forged = fromBase64url(nonce).map((byte, index) => (index === 0 ? byte ^ 1 : byte));
  assert.deepEqual(await session(bob.server, { nonce: toBase64url(forged) }), [400, "stale_nonce"]);
  assert.equal((await post("/v1/challenge", { uid: "short" })).answer.reason, "bad_payload");

  const room = { alg: "p256", policy: "open" };
  const refused = await post("/v1/rooms", room);
  assert.deepEqual([refused.status, refused.answer.reason], [401, "unauthorized"]);
});
