import assert from "node:assert/strict";
import { test } from "vitest";
import { VestibuleError } from "../src/errors.js";
import { setClock } from "./fake-time.js";
import { approveOf, begin, never, nothing, options, room } from "./newcomer-support.js";
import { HOUR_MS } from "./support.js";

test("a request that the server lost is sent again", async () => {
  const { queue, newcomer } = begin({ answers: {
    request: { state: "pending" },
    mine: ({ cursor }) => {
      const isLast = cursor === 2;
      return { items: [{ request_id: isLast ? requestId : "other" }], cursor: isLast ? null : 2 };
    },
  } });
  const { requestId } = await newcomer.ask(queue, options);
  const onLaterPages = { ...nothing, cursors: { mine: 1 } };
  await newcomer.resume(queue, onLaterPages, options);
  assert.deepEqual(queue.sent.map(({ event }) => event), ["request", "mine", "mine"], "the third page holds it");
  await newcomer.resume(queue, nothing, options);
  assert.deepEqual(queue.sent.at(-1), queue.sent[0]);
  assert.equal(queue.sent.length, 4);
});

test("a request for a lost room is sent at each later join", async () => {
  const { storage, context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const waiting = newcomer.whenKey();
  queue.answers.request = new VestibuleError("unknown_room");
  await newcomer.resync();
  await assert.rejects(newcomer.resume(queue, nothing, options), { reason: "unknown_room" });
  assert.equal(queue.sent.length, 2, "once for this join");
  await assert.rejects(newcomer.ask(queue, options), { reason: "unknown_room" });

  const after = begin({ storage, answers: { request: new VestibuleError("unknown_room") } });
  await assert.rejects(after.newcomer.resume(after.queue, nothing, options), { reason: "unknown_room" });
  assert.deepEqual(after.queue.sent, [queue.sent[0]]);

  // A member has published the card again.
  queue.answers.request = { state: "pending" };
  await newcomer.resume(queue, nothing, options);
  assert.deepEqual(queue.sent, Array(4).fill(queue.sent[0]));
  await newcomer.receive(await approveOf(queue), async () => {}, never.nack);
  assert.ok((await waiting).equals(room.key));
  assert.deepEqual(context.warnings, []);
});

test("expiry, refusal or withdrawal end a request after a restore", async () => {
  const kept = async () => {
    const it = begin();
    await it.newcomer.ask(it.queue, options);
    it.waiting = it.newcomer.whenKey();
    it.waiting.catch(() => {});
    it.queue.answers.request = new VestibuleError("unknown_room");
    await it.newcomer.resync();
    await assert.rejects(it.newcomer.resume(it.queue, nothing, options), { reason: "unknown_room" });
    return it;
  };
  const [expires, refused, withdrawn] = [await kept(), await kept(), await kept()];
  refused.queue.answers.request = new VestibuleError("blocked");
  await refused.newcomer.resume(refused.queue, nothing, options);
  await assert.rejects(refused.waiting, { reason: "blocked" });
  await withdrawn.newcomer.withdraw(withdrawn.queue);
  await assert.rejects(withdrawn.waiting, { reason: "withdrawn" });

  setClock(Date.now() + HOUR_MS);
  await expires.newcomer.resume(expires.queue, nothing, options);
  await assert.rejects(expires.waiting, { reason: "expired" });
  assert.equal(expires.queue.sent.length, 2);
  for (const { context } of [expires, refused, withdrawn]) {
    assert.equal(await context.records.openRequest(room.rid), null);
  }
});
