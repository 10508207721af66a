import assert from "node:assert/strict";
import { test } from "node:test";
import { VestibuleError } from "../src/errors.js";
import { Newcomer } from "../src/newcomer.js";
import { FakeCourier, HOUR_MS, LoggedStorage, makeApprove, makeContext, makeRoom, makeUser } from "./support.js";

const [alice, bob, room] = await Promise.all([makeUser(), makeUser(), makeRoom()]);
const options = { note: "It is Bob", ttl: HOUR_MS };
const nothing = { mine: [], approves: [], more: false };

function begin({ answers = { request: { state: "pending" } }, log = [], storage = new LoggedStorage(log) } = {}) {
  const context = makeContext(bob, storage);
  return { log, storage, context, courier: new FakeCourier(answers, log), newcomer: new Newcomer(context, room.rid) };
}

const asItem = (frame) => ({ ...frame, rid: room.rid, uid: bob.uid });
const approveOf = (courier, changes) => makeApprove(room, alice, asItem(courier.sent[0].payload), changes);

test("the box is stored before the request leaves, the key before the ack", async () => {
  const { log, context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const waiting = newcomer.whenKey();
  await newcomer.receive(await approveOf(courier), async () => log.push("ack"));
  assert.ok((await waiting).equals(room.key));
  assert.deepEqual(log, ["set request", "request", "set key", "ack", "delete request"]);
  assert.deepEqual(context.warnings, []);
});

test("a bad approve is warned of and not acked, a good one after it is taken", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const acks = [];
  const ack = async (id) => acks.push(id);
  const good = await approveOf(courier);
  await newcomer.receive({ ...good, room_sig: good.user_sig }, ack);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_approve"]);
  assert.equal(await context.records.roomKey(room.rid), null);
  await newcomer.receive(good, ack);
  await newcomer.receive(good, ack);
  assert.deepEqual(acks, [good.approve_id], "acked once, though it came over two topics");
});

test("what was not asked for is not taken", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const approve = await approveOf(courier);
  await newcomer.withdraw(courier);
  await newcomer.receive(approve, () => assert.fail("acked"));
  assert.equal(await context.records.roomKey(room.rid), null);
});

test("a restarted client says the same request", async () => {
  const before = begin({ answers: { request: new VestibuleError("disconnected") } });
  await assert.rejects(before.newcomer.ask(before.courier, options), { reason: "disconnected" });
  const after = begin({ storage: before.storage });
  await after.newcomer.resume(after.courier, nothing, options);
  assert.deepEqual(after.courier.sent, before.courier.sent);

  const later = begin({ storage: before.storage });
  await later.newcomer.resume(later.courier, { ...nothing, mine: [before.courier.sent[0].payload] }, options);
  assert.deepEqual(later.courier.sent, [], "the server has it");
});

test("a client that stopped between saving and acking acks when the approve comes again", async () => {
  const before = begin();
  await before.newcomer.ask(before.courier, options);
  const approve = await approveOf(before.courier);
  await before.newcomer.receive(approve, async () => {
    throw new VestibuleError("disconnected");
  });
  const after = begin({ storage: before.storage });
  const acks = [];
  await after.newcomer.receive(approve, async (id) => acks.push(id));
  assert.deepEqual(acks, [approve.approve_id]);
  assert.equal(await after.context.records.openRequest(room.rid), null);
});

test("an ack whose answer was lost leaves nothing open for the next run", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  await context.records.saveRoomKey(room.rid, room.key);
  await newcomer.resume(courier, nothing, options);
  assert.equal(await context.records.openRequest(room.rid), null);
  assert.equal(courier.sent.length, 1, "and is not asked anew");
});

test("a request is kept while its ack is underway, though the join knew no approve yet", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const ack = async () => {
    await newcomer.resume(courier, nothing, options);
    assert.notEqual(await context.records.openRequest(room.rid), null);
  };
  await newcomer.receive(await approveOf(courier), ack);
  assert.equal(await context.records.openRequest(room.rid), null);
  assert.deepEqual(context.warnings, []);
});

test("a withdrawal that was not answered is said again", async () => {
  const before = begin({ answers: { request: { state: "pending" }, withdraw: new VestibuleError("disconnected") } });
  await before.newcomer.ask(before.courier, options);
  const waiting = before.newcomer.whenKey();
  await assert.rejects(before.newcomer.withdraw(before.courier), { reason: "disconnected" });
  await assert.rejects(waiting, { reason: "withdrawn" });
  const after = begin({ storage: before.storage });
  await after.newcomer.resume(after.courier, nothing, options);
  assert.deepEqual(after.courier.sent, [before.courier.sent[1]]);
  assert.equal(await after.context.records.openRequest(room.rid), null);
});

test("a refused request is not kept, an unanswered one is", async () => {
  for (const [reason, kept] of [["unknown_room", false], ["storage_full", true]]) {
    const { context, courier, newcomer } = begin({ answers: { request: new VestibuleError(reason) } });
    await assert.rejects(newcomer.ask(courier, options), { reason });
    assert.equal((await context.records.openRequest(room.rid)) !== null, kept, reason);
  }
});

test("a request that the server has seen end is followed by a new one", async () => {
  const states = ["done", "pending"];
  const { courier, newcomer } = begin({ answers: { request: () => ({ state: states.shift() }) } });
  const { requestId } = await newcomer.ask(courier, options);
  const [first, second] = courier.sent.map(({ payload }) => payload);
  assert.equal(requestId, second.request_id);
  assert.notEqual(first.box_pub, second.box_pub);
});

test("an answer that the key has overtaken makes no new request", async () => {
  const { context, courier, newcomer } = begin();
  courier.answers.request = async () => {
    await newcomer.receive(await approveOf(courier), async () => ({}));
    return { state: "done" };
  };
  await newcomer.ask(courier, options);
  assert.equal(courier.sent.length, 1);
  assert.equal(await context.records.openRequest(room.rid), null);
  assert.ok((await newcomer.whenKey()).equals(room.key));
});
