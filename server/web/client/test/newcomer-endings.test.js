import assert from "node:assert/strict";
import { test } from "vitest";
import { DeniedError, VestibuleError } from "../src/errors.js";
import { alice, approveOf, asItem, begin, never, nothing, options, room, seeCard } from "./newcomer-support.js";
import { makeApprove, makeDenial, until } from "./support.js";

test("an unanswered withdrawal is sent again", async () => {
  const before = begin({ answers: { request: { state: "pending" }, withdraw: new VestibuleError("disconnected") } });
  await before.newcomer.ask(before.queue, options);
  const waiting = before.newcomer.whenKey();
  await assert.rejects(before.newcomer.withdraw(before.queue), { reason: "disconnected" });
  await assert.rejects(waiting, { reason: "withdrawn" });
  const after = begin({ storage: before.storage });
  await after.newcomer.resume(after.queue, nothing, options);
  assert.deepEqual(after.queue.sent, [before.queue.sent[1]]);
  assert.equal(await after.context.records.openRequest(room.rid), null);
});

test("a refused request is deleted, an unanswered one kept", async () => {
  for (const [reason, kept] of [["unknown_room", false], ["storage_full", true]]) {
    const { context, queue, newcomer } = begin({ answers: { request: new VestibuleError(reason) } });
    await assert.rejects(newcomer.ask(queue, options), { reason });
    assert.equal((await context.records.openRequest(room.rid)) !== null, kept, reason);
  }
});

test("a withdrawal covers an adopted request", async () => {
  let answer;
  const { queue, newcomer } = begin({ answers: { request: () => new Promise((resolve) => (answer = resolve)) } });
  const asking = newcomer.ask(queue, options);
  await until(() => answer);
  const withdrawing = newcomer.withdraw(queue);
  answer({ request_id: "the first", state: "pending" });
  await Promise.all([asking, withdrawing]);
  assert.deepEqual(queue.sent.at(-1), { event: "withdraw", payload: { request_id: "the first" } });
});

test("a withdrawal covers a request still being sent", async () => {
  const { context, queue, newcomer } = begin();
  const asking = newcomer.ask(queue, options);
  const waiting = newcomer.whenKey();
  await Promise.all([asking, newcomer.withdraw(queue), assert.rejects(waiting, { reason: "withdrawn" })]);
  assert.deepEqual(queue.sent.map(({ event }) => event), ["request", "withdraw"]);
  assert.equal(await context.records.openRequest(room.rid), null);
});

test("a withdrawal resolves if storing the request failed", async () => {
  const { queue, newcomer, storage } = begin();
  storage.set = () => Promise.reject(new Error("full"));
  const failing = assert.rejects(newcomer.ask(queue, options), { reason: "bad_storage" });
  await Promise.all([failing, newcomer.withdraw(queue)]);
  assert.deepEqual(queue.sent, []);
});

test("a denial ends the wait and a later approve overrules it", async () => {
  const { context, queue, newcomer } = begin();
  await seeCard(context);
  await newcomer.ask(queue, options);
  const waiting = newcomer.whenKey();
  const item = asItem(queue.sent[0].payload);
  const denial = await makeDenial(room, alice, item, { block: true });
  const handled = newcomer.receiveNotice(denial);
  await assert.rejects(waiting, (error) => {
    assert.ok(error instanceof DeniedError);
    assert.deepEqual([error.reason, error.code, error.block, error.by], ["denied", "not_now", true, alice.uid]);
    return true;
  });
  assert.equal(await handled, true);
  assert.equal(await newcomer.receiveNotice(denial), false, "the second time it is not new");
  assert.equal(await context.records.openRequest(room.rid), null);

  const again = newcomer.whenKey();
  await newcomer.receive(await makeApprove(room, alice, item), async () => {}, never.nack);
  assert.ok((await again).equals(room.key));
  assert.deepEqual(await context.records.endedRequests(room.rid), []);
});

test("a denied user who asks again is told how long to wait", async () => {
  const { context, queue, newcomer } = begin();
  await seeCard(context);
  await newcomer.ask(queue, options);
  await newcomer.receiveNotice(await makeDenial(room, alice, asItem(queue.sent[0].payload)));
  queue.answers.request = new VestibuleError("cooldown", undefined, { retryMs: 86_400_000 });
  await assert.rejects(newcomer.ask(queue, options), { reason: "cooldown", retryMs: 86_400_000 });
  const [first, second] = queue.sent.map(({ payload }) => payload);
  assert.notEqual(first.request_id, second.request_id);
  assert.equal(await context.records.openRequest(room.rid), null);
  const denied = await context.records.endedRequests(room.rid);
  assert.deepEqual(denied.map(({ request_id }) => request_id), [first.request_id], "it may still be approved");
});

test("each denied request can still be approved after a restart", async () => {
  for (const which of [0, 1]) {
    const { context, storage, queue, newcomer } = begin();
    await seeCard(context);
    const items = [];
    for (const _ of "ab") {
      await newcomer.ask(queue, options);
      items.push(asItem(queue.sent.at(-1).payload));
      await newcomer.receiveNotice(await makeDenial(room, alice, items.at(-1)));
    }
    const after = begin({ storage });
    // A lifted denial: the requests are open again, and the newcomer is not told.
    await after.newcomer.resume(after.queue, { ...nothing, mine: items }, options);
    const waiting = after.newcomer.whenKey();
    const acks = [];
    const approve = await makeApprove(room, alice, items[which]);
    await after.newcomer.receive(approve, async (id) => acks.push(id), never.nack);
    assert.ok((await waiting).equals(room.key));
    assert.deepEqual(acks, [approve.approve_id]);
    const left = await after.context.records.endedRequests(room.rid);
    assert.deepEqual(left.map(({ request_id }) => request_id), [items[1 - which].request_id]);
  }
});

test("a denied request stored by an older client is accepted", async () => {
  const { storage, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  storage.set(`room/${room.rid}/denied`, storage.get(`room/${room.rid}/request`));
  storage.delete(`room/${room.rid}/request`);
  const waiting = newcomer.whenKey();
  await newcomer.receive(await approveOf(queue), async () => {}, never.nack);
  assert.ok((await waiting).equals(room.key));
  assert.equal(storage.get(`room/${room.rid}/denied`), null);
});

test("a denial not signed by the room is ignored", async () => {
  const { context, queue, newcomer } = begin();
  await seeCard(context);
  await newcomer.ask(queue, options);
  const denial = await makeDenial(room, alice, asItem(queue.sent[0].payload));
  assert.equal(await newcomer.receiveNotice({ ...denial, code: "go away" }), false);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_denial"]);
  assert.notEqual(await context.records.openRequest(room.rid), null);
  assert.equal(await newcomer.receiveNotice(denial), true);
});

test("expiry and withdrawal elsewhere end a request", async () => {
  for (const event of ["expired", "withdrawn"]) {
    const { context, queue, newcomer } = begin();
    const { requestId } = await newcomer.ask(queue, options);
    const waiting = newcomer.whenKey();
    assert.equal(await newcomer.receiveNotice({ event, rid: room.rid, request_id: "another's", seq: 1 }), false);
    const handled = newcomer.receiveNotice({ event, rid: room.rid, request_id: requestId, seq: 2 });
    await assert.rejects(waiting, { reason: event });
    assert.equal(await handled, true);
    assert.equal(await context.records.openRequest(room.rid), null);
  }
});

test("a request ended elsewhere is not replaced by itself", async () => {
  for (const reason of ["withdrawn", "denied", "expired"]) {
    const { context, queue, newcomer } = begin();
    await newcomer.ask(queue, options);
    queue.answers.request = { state: reason };
    const waiting = assert.rejects(newcomer.whenKey(), { reason });
    await newcomer.resume(queue, nothing, options);
    await waiting;
    assert.equal(queue.sent.length, 2);
    assert.equal(await context.records.openRequest(room.rid), null);
  }
});
