import assert from "node:assert/strict";
import { test } from "vitest";
import { VestibuleError } from "../src/errors.js";
import { approveOf, begin, nothing, options, room } from "./newcomer-support.js";
import { until } from "./support.js";

test("the box is stored before the request, the key before ack", async () => {
  const { log, context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const waiting = newcomer.whenKey();
  await newcomer.receive(await approveOf(queue), async () => log.push("ack"));
  assert.ok((await waiting).equals(room.key));
  assert.deepEqual(log, ["set rooms", "set request", "request", "set key", "ack", "delete request"]);
  assert.deepEqual(context.warnings, []);
});

test("a restarted client sends the same request", async () => {
  const before = begin({ answers: { request: new VestibuleError("disconnected") } });
  await assert.rejects(before.newcomer.ask(before.queue, options), { reason: "disconnected" });
  const after = begin({ storage: before.storage });
  await after.newcomer.resume(after.queue, nothing, options);
  assert.deepEqual(after.queue.sent, before.queue.sent);

  const later = begin({ storage: before.storage });
  await later.newcomer.resume(later.queue, { ...nothing, mine: [before.queue.sent[0].payload] }, options);
  assert.deepEqual(later.queue.sent, [], "the server knows it");
});

test("a key saved before a crash is acked after the restart", async () => {
  const before = begin();
  await before.newcomer.ask(before.queue, options);
  const approve = await approveOf(before.queue);
  await before.newcomer.receive(approve, async () => {
    throw new VestibuleError("disconnected");
  });
  const after = begin({ storage: before.storage });
  const acks = [];
  await after.newcomer.receive(approve, async (id) => acks.push(id));
  assert.deepEqual(acks, [approve.approve_id]);
  assert.equal(await after.context.records.openRequest(room.rid), null);
});

test("a lost ack reply leaves no open request", async () => {
  const { context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  await context.records.saveRoomKey(room.rid, room.key);
  await newcomer.resume(queue, nothing, options);
  assert.equal(await context.records.openRequest(room.rid), null);
  assert.equal(queue.sent.length, 1, "and no new request is sent");
});

test("a request is kept while its ack is being sent", async () => {
  const { context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const ack = async () => {
    await newcomer.resume(queue, nothing, options);
    assert.notEqual(await context.records.openRequest(room.rid), null);
  };
  await newcomer.receive(await approveOf(queue), ack);
  assert.equal(await context.records.openRequest(room.rid), null);
  assert.deepEqual(context.warnings, []);
});

test("a request that the server reports done is replaced", async () => {
  const states = ["done", "pending"];
  const { queue, newcomer } = begin({ answers: { request: () => ({ state: states.shift() }) } });
  const { requestId } = await newcomer.ask(queue, options);
  const [first, second] = queue.sent.map(({ payload }) => payload);
  assert.equal(requestId, second.request_id);
  assert.notEqual(first.box_pub, second.box_pub);
});

test("a reply overtaken by the key causes no new request", async () => {
  const { context, queue, newcomer } = begin();
  queue.answers.request = async () => {
    await newcomer.receive(await approveOf(queue), async () => ({}));
    return { state: "done" };
  };
  await newcomer.ask(queue, options);
  assert.equal(queue.sent.length, 1);
  assert.equal(await context.records.openRequest(room.rid), null);
  assert.ok((await newcomer.whenKey()).equals(room.key));
});

test("a request being sent is not sent again by resume", async () => {
  let answer;
  const { queue, newcomer } = begin({ answers: { request: () => new Promise((resolve) => (answer = resolve)) } });
  const asking = newcomer.ask(queue, options);
  await until(() => answer);
  await newcomer.resume(queue, nothing, options);
  answer({ state: "pending" });
  await asking;
  assert.equal(queue.sent.length, 1);
});
