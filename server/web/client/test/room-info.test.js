import assert from "node:assert/strict";
import { test } from "vitest";
import { toBase64url } from "../src/bytes.js";
import { RoomInfo } from "../src/room-info.js";
import { VestibuleError } from "../src/errors.js";
import { verifyFields } from "../src/signed.js";
import { FakeQueue, makeContext, makeRoom, makeUser, until } from "./support.js";

const [alice, bob, room] = await Promise.all([makeUser(), makeUser(), makeRoom()]);
const FEATURES = ["creator", "hand_over", "listed"];
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function begin({ features = FEATURES, answers = {}, user = alice } = {}) {
  const context = { ...makeContext(user), server: "rooms.example" };
  await context.records.saveRoomKey(room.rid, room.key);
  const queue = new FakeQueue({ card: { dup: false }, ...answers });
  const info = new RoomInfo(context, room.rid, queue);
  await info.load();
  await info.joined(features ? { features } : {});
  return { context, queue, info };
}

/** Alice as a member of Bob's room, which has a card. */
async function inBobsRoom(options) {
  const { info: bobs } = await begin({ user: bob });
  const card = await bobs.publish({ policy: "request", name: "Garden" });
  const it = await begin(options);
  await it.info.proven({ card, creator: bob.uid, listed: true }, {});
  return { ...it, card };
}

test("the publisher of the first card is the creator", async () => {
  const { info } = await begin();
  assert.deepEqual([info.creator, info.isCreator], [undefined, false]);
  const told = [];
  info.onCreator((creator) => told.push(creator));
  await info.publish({ policy: "request" });
  await settled();
  assert.deepEqual([info.creator, info.isCreator, told], [alice.uid, true, [alice.uid]]);
});

test("the publisher of a later card is not the creator", async () => {
  const { info } = await inBobsRoom();
  await info.publish({ name: "Cellar" });
  assert.deepEqual([info.creator, info.isCreator], [bob.uid, false]);
  // Another member has published the identical first card.
  const late = await begin({ answers: { card: { dup: true } } });
  await late.info.publish({ policy: "request" });
  assert.equal(late.info.creator, undefined);
});

test("a server of 0.1.0 names no creator", async () => {
  const { info, queue } = await begin({ features: null });
  await info.publish({ policy: "request", listed: false });
  assert.deepEqual([info.creator, info.listed], [undefined, undefined]);
  assert.deepEqual(Object.keys(queue.sent[0].payload), ["version", "policy", "sig"]);
});

test("an omitted policy or name stays as it is", async () => {
  const { info } = await begin();
  await assert.rejects(info.publish({ name: "Garden" }), { reason: "bad_payload" });
  const published = async (change) => {
    const { version, policy, name } = await info.publish(change);
    return [version, policy, name];
  };
  assert.deepEqual(await published({ policy: "request", name: "Garden" }), [1, "request", "Garden"]);
  assert.deepEqual(await published({ policy: "open" }), [2, "open", "Garden"]);
  assert.deepEqual(await published({ name: "Cellar" }), [3, "open", "Cellar"]);
  assert.deepEqual(await published({ listed: true }), [4, "open", "Cellar"]);
  assert.deepEqual(await published({ name: "" }), [5, "open", undefined]);
});

test("simultaneous changes are published in order", async () => {
  const { info, queue } = await begin();
  const changes = [{ policy: "request" }, { name: "Garden" }, { listed: true }].map((change) => info.publish(change));
  const refused = info.publish({ policy: "none" }).catch(() => {});
  const versions = (await Promise.all(changes)).map(({ version }) => version);
  assert.deepEqual(versions, [1, 2, 3]);
  assert.deepEqual(queue.sent.map(({ payload: { name, listed } }) => [name, listed]).slice(0, 3), [
    [undefined, undefined], ["Garden", undefined], ["Garden", true],
  ]);
  await refused;
  assert.equal((await info.publish({ name: "Cellar", policy: "open" })).name, "Cellar");
});

test("the listing is sent only if it is given", async () => {
  const { info, queue } = await inBobsRoom();
  assert.equal(info.listed, true);
  await info.publish({ name: "Cellar" });
  assert.equal("listed" in queue.sent[0].payload, false);
  const card = await info.publish({ listed: false });
  assert.equal(queue.sent[1].payload.listed, false);
  assert.equal(info.listed, false);
  await info.take({ ...card, listed: true });
  assert.equal(info.listed, true);
  assert.equal("listed" in info.card, false, "it is not signed");
});

test("a card that the server refuses is not kept", async () => {
  const { info, card } = await inBobsRoom({ answers: { card: new VestibuleError("not_creator") } });
  await assert.rejects(info.publish({ policy: "open" }), { reason: "not_creator" });
  assert.deepEqual(info.card, card);
});

test("a hand-over is signed by the creator for this join", async () => {
  const { info, queue } = await begin({ answers: { hand_over: { creator: bob.uid, dup: false } } });
  await info.publish({ policy: "request" });
  const nonce = toBase64url(new Uint8Array(16));
  await info.handOver(bob.uid, nonce);
  const { event, payload: { sig, ...payload } } = queue.sent.at(-1);
  const signer = { sign_pub: toBase64url(alice.key.pub), sign_alg: alice.key.alg };
  assert.deepEqual([event, payload], ["hand_over", { to: bob.uid, nonce, ...signer }]);
  const signed = { server: "rooms.example", rid: room.rid, uid: alice.uid, to: bob.uid, nonce };
  assert.ok(await verifyFields("hand_over", signed, alice.key.alg, alice.key.pub, sig));
  assert.deepEqual([info.creator, info.isCreator], [bob.uid, false]);
});

test("a refused or unsupported hand-over changes nothing", async () => {
  const { info } = await begin({ answers: { hand_over: new VestibuleError("bad_sig") } });
  await info.publish({ policy: "request" });
  await assert.rejects(info.handOver(bob.uid, "AAAA"), { reason: "bad_sig" });
  await assert.rejects(info.handOver("Bob", "AAAA"), { reason: "bad_argument" });
  assert.equal(info.isCreator, true);

  const old = await begin({ features: [] });
  await assert.rejects(old.info.handOver(bob.uid, "AAAA"), { reason: "unsupported" });
  assert.deepEqual(old.queue.sent, []);
});

test("a new creator is reported, an invalid one is not", async () => {
  const { info } = await inBobsRoom();
  const told = [];
  info.onCreator((creator) => told.push(creator));
  info.creatorChanged({ rid: room.rid, creator: alice.uid, seq: 5 });
  assert.throws(() => info.creatorChanged({ creator: "root" }), { reason: "bad_frame" });
  await settled();
  assert.deepEqual([info.isCreator, told], [true, [alice.uid]]);
});

test("refusals of a restored card are ignored if expected", async () => {
  for (const [reason, warned] of [["not_creator", []], ["version_conflict", []], ["bad_sig", ["bad_sig"]]]) {
    const { info, context, queue, card } = await inBobsRoom({ answers: { card: new VestibuleError(reason) } });
    await info.joined({ features: FEATURES });
    await info.proven({}, {});
    await until(() => queue.sent.length === 1);
    await settled();
    assert.equal(queue.sent[0].payload.sig, card.sig);
    assert.deepEqual(context.warnings.map((warning) => warning.reason), warned);
  }
});
