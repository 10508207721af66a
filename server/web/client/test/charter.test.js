import assert from "node:assert/strict";
import { test } from "vitest";
import { toBase64url } from "../src/bytes.js";
import { Charter } from "../src/charter.js";
import { VestibuleError } from "../src/errors.js";
import { verifyFields } from "../src/signed.js";
import { FakeCourier, makeContext, makeRoom, makeUser, until } from "./support.js";

const [alice, bob, room] = await Promise.all([makeUser(), makeUser(), makeRoom()]);
const FEATURES = ["creator", "hand_over", "listed"];
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function begin({ features = FEATURES, answers = {}, user = alice } = {}) {
  const context = { ...makeContext(user), server: "rooms.example" };
  await context.records.saveRoomKey(room.rid, room.key);
  const courier = new FakeCourier({ card: { dup: false }, ...answers });
  const charter = new Charter(context, room.rid, courier);
  await charter.load();
  await charter.joined(features ? { features } : {});
  return { context, courier, charter };
}

/** A member of a room of Bob's, which has a card. */
async function inBobsRoom(options) {
  const { charter: bobs } = await begin({ user: bob });
  const card = await bobs.publish({ policy: "request", name: "Garden" });
  const it = await begin(options);
  await it.charter.proven({ card, creator: bob.uid, listed: true }, {});
  return { ...it, card };
}

test("the member who publishes the first card is the creator", async () => {
  const { charter } = await begin();
  assert.deepEqual([charter.creator, charter.isCreator], [undefined, false]);
  const told = [];
  charter.onCreator((creator) => told.push(creator));
  await charter.publish({ policy: "request" });
  await settled();
  assert.deepEqual([charter.creator, charter.isCreator, told], [alice.uid, true, [alice.uid]]);
});

test("a member who publishes a later card is not the creator", async () => {
  const { charter } = await inBobsRoom();
  await charter.publish({ name: "Cellar" });
  assert.deepEqual([charter.creator, charter.isCreator], [bob.uid, false]);
  // Somebody else has published the very same first card.
  const late = await begin({ answers: { card: { dup: true } } });
  await late.charter.publish({ policy: "request" });
  assert.equal(late.charter.creator, undefined);
});

test("a server of 0.1.0 names no creator", async () => {
  const { charter, courier } = await begin({ features: null });
  await charter.publish({ policy: "request", listed: false });
  assert.deepEqual([charter.creator, charter.listed], [undefined, undefined]);
  assert.deepEqual(Object.keys(courier.sent[0].payload), ["version", "policy", "sig"]);
});

test("a policy or name that is left out stays as it is", async () => {
  const { charter } = await begin();
  await assert.rejects(charter.publish({ name: "Garden" }), { reason: "bad_payload" });
  const said = async (change) => {
    const { version, policy, name } = await charter.publish(change);
    return [version, policy, name];
  };
  assert.deepEqual(await said({ policy: "request", name: "Garden" }), [1, "request", "Garden"]);
  assert.deepEqual(await said({ policy: "open" }), [2, "open", "Garden"]);
  assert.deepEqual(await said({ name: "Cellar" }), [3, "open", "Cellar"]);
  assert.deepEqual(await said({ listed: true }), [4, "open", "Cellar"]);
  assert.deepEqual(await said({ name: "" }), [5, "open", undefined]);
});

test("changes in one moment follow each other", async () => {
  const { charter, courier } = await begin();
  const changes = [{ policy: "request" }, { name: "Garden" }, { listed: true }].map((change) => charter.publish(change));
  const refused = charter.publish({ policy: "none" }).catch(() => {});
  const versions = (await Promise.all(changes)).map(({ version }) => version);
  assert.deepEqual(versions, [1, 2, 3]);
  assert.deepEqual(courier.sent.map(({ payload: { name, listed } }) => [name, listed]).slice(0, 3), [
    [undefined, undefined], ["Garden", undefined], ["Garden", true],
  ]);
  await refused;
  assert.equal((await charter.publish({ name: "Cellar", policy: "open" })).name, "Cellar");
});

test("the listing is said beside the card, and only where it is asked for", async () => {
  const { charter, courier } = await inBobsRoom();
  assert.equal(charter.listed, true);
  await charter.publish({ name: "Cellar" });
  assert.equal("listed" in courier.sent[0].payload, false);
  const card = await charter.publish({ listed: false });
  assert.equal(courier.sent[1].payload.listed, false);
  assert.equal(charter.listed, false);
  await charter.take({ ...card, listed: true });
  assert.equal(charter.listed, true);
  assert.equal("listed" in charter.card, false, "nobody has signed it");
});

test("a card that is refused is not taken", async () => {
  const { charter, card } = await inBobsRoom({ answers: { card: new VestibuleError("not_creator") } });
  await assert.rejects(charter.publish({ policy: "open" }), { reason: "not_creator" });
  assert.deepEqual(charter.card, card);
});

test("a hand-over is the creator's, for this join", async () => {
  const { charter, courier } = await begin({ answers: { hand_over: { creator: bob.uid, dup: false } } });
  await charter.publish({ policy: "request" });
  const nonce = toBase64url(new Uint8Array(16));
  await charter.handOver(bob.uid, nonce);
  const { event, payload: { sig, ...payload } } = courier.sent.at(-1);
  const signer = { sign_pub: toBase64url(alice.key.pub), sign_alg: alice.key.alg };
  assert.deepEqual([event, payload], ["hand_over", { to: bob.uid, nonce, ...signer }]);
  const signed = { server: "rooms.example", rid: room.rid, uid: alice.uid, to: bob.uid, nonce };
  assert.ok(await verifyFields("hand_over", signed, alice.key.alg, alice.key.pub, sig));
  assert.deepEqual([charter.creator, charter.isCreator], [bob.uid, false]);
});

test("a hand-over that is refused, or cannot be said, changes nothing", async () => {
  const { charter } = await begin({ answers: { hand_over: new VestibuleError("bad_sig") } });
  await charter.publish({ policy: "request" });
  await assert.rejects(charter.handOver(bob.uid, "AAAA"), { reason: "bad_sig" });
  await assert.rejects(charter.handOver("Bob", "AAAA"), { reason: "bad_argument" });
  assert.equal(charter.isCreator, true);

  const old = await begin({ features: [] });
  await assert.rejects(old.charter.handOver(bob.uid, "AAAA"), { reason: "unsupported" });
  assert.deepEqual(old.courier.sent, []);
});

test("another creator is told, and one that is no user is not", async () => {
  const { charter } = await inBobsRoom();
  const told = [];
  charter.onCreator((creator) => told.push(creator));
  charter.creatorChanged({ rid: room.rid, creator: alice.uid, seq: 5 });
  assert.throws(() => charter.creatorChanged({ creator: "root" }), { reason: "bad_frame" });
  await settled();
  assert.deepEqual([charter.isCreator, told], [true, [alice.uid]]);
});

test("restoring a card is left to the creator where it must be", async () => {
  for (const [reason, warned] of [["not_creator", []], ["version_conflict", []], ["bad_sig", ["bad_sig"]]]) {
    const { charter, context, courier, card } = await inBobsRoom({ answers: { card: new VestibuleError(reason) } });
    await charter.joined({ features: FEATURES });
    await charter.proven({}, {});
    await until(() => courier.sent.length === 1);
    await settled();
    assert.equal(courier.sent[0].payload.sig, card.sig);
    assert.deepEqual(context.warnings.map((warning) => warning.reason), warned);
  }
});
