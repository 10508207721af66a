/** The server's word does not delete a request's box: only the request's own expiry does. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { VestibuleError } from "../src/errors.js";
import { setClock } from "./fake-time.js";
import { approveOf, begin, never, nothing, options, room } from "./newcomer-support.js";
import { HOUR_MS } from "./support.js";

/** Bob has sent a request and waits. */
async function asked() {
  const it = begin();
  await it.newcomer.ask(it.queue, options);
  it.waiting = it.newcomer.whenKey();
  it.waiting.catch(() => {});
  it.requestId = it.queue.sent[0].payload.request_id;
  return it;
}

/** False endings of a request by the server. */
const lies = {
  "an expired notice": ({ newcomer, requestId }) => newcomer.receiveNotice({ event: "expired", request_id: requestId }),
  "a withdrawn notice": ({ newcomer, requestId }) => {
    return newcomer.receiveNotice({ event: "withdrawn", request_id: requestId });
  },
};
for (const state of ["expired", "withdrawn", "denied"]) {
  lies[`the repeat's state ${state}`] = ({ queue, newcomer }) => {
    queue.answers.request = { state };
    return newcomer.resume(queue, nothing, options);
  };
}
for (const reason of ["expired", "cooldown", "quota", "id_conflict"]) {
  lies[`the repeat's refusal ${reason}`] = ({ queue, newcomer }) => {
    queue.answers.request = new VestibuleError(reason);
    return newcomer.resume(queue, nothing, options);
  };
}

for (const [name, lie] of Object.entries(lies)) {
  test(`${name} ends the wait and keeps the box`, async () => {
    const it = await asked();
    const approve = await approveOf(it.queue);
    await lie(it);
    await assert.rejects(it.waiting);
    assert.equal(await it.context.records.openRequest(room.rid), null);

    const after = begin({ storage: it.storage });
    const again = after.newcomer.whenKey();
    const acks = [];
    await after.newcomer.receive(approve, async (id) => acks.push(id), never.nack);
    assert.ok((await again).equals(room.key));
    assert.deepEqual(acks, [approve.approve_id]);
    assert.equal(it.storage.get(`room/${room.rid}/denied`), null);
  });
}

test("a request falsely reported done keeps its box", async () => {
  const it = await asked();
  const approve = await approveOf(it.queue);
  const states = ["done", "pending"];
  it.queue.answers.request = () => ({ state: states.shift() });
  await it.newcomer.resume(it.queue, nothing, options);
  assert.equal(it.queue.sent.length, 3, "a new request is sent");
  await it.newcomer.receive(approve, async () => {}, never.nack);
  assert.ok((await it.waiting).equals(room.key));
});

test("repeated false endings do not push out the first box", async () => {
  const it = await asked();
  const approve = await approveOf(it.queue);
  for (let times = 0; times < 20; times += 1) {
    const { requestId } = await it.newcomer.ask(it.queue, options);
    await it.newcomer.receiveNotice({ event: "expired", request_id: requestId });
  }
  await it.newcomer.receive(approve, async () => {}, never.nack);
  assert.ok(await it.context.records.roomKey(room.rid));
});

test("a request that was never accepted is not kept", async () => {
  const { storage, queue, newcomer } = begin({ answers: { request: new VestibuleError("cooldown") } });
  await assert.rejects(newcomer.ask(queue, options), { reason: "cooldown" });
  for (const name of ["request", "denied"]) assert.equal(storage.get(`room/${room.rid}/${name}`), null);
});

test("a box is deleted when its request expires", async () => {
  const it = await asked();
  const approve = await approveOf(it.queue);
  await it.newcomer.receiveNotice({ event: "expired", request_id: it.requestId });
  assert.notEqual(it.storage.get(`room/${room.rid}/denied`), null);
  setClock(Date.now() + HOUR_MS);
  await it.newcomer.receive(approve, never.ack, never.nack);
  await it.newcomer.resume(it.queue, nothing, options);
  await it.newcomer.receiveNotice({ event: "expired", request_id: "any" });
  assert.equal(it.storage.get(`room/${room.rid}/denied`), null);
});

test("a server days ahead ends the wait but keeps the box", async () => {
  const it = await asked();
  const approve = await approveOf(it.queue);
  it.context.clock.update(Date.now() + 3 * 86_400_000);
  await it.newcomer.resume(it.queue, nothing, options);
  await assert.rejects(it.waiting, { reason: "expired" });
  await it.newcomer.ask(it.queue, options);
  await it.newcomer.receive(approve, async () => {}, never.nack);
  assert.ok(await it.context.records.roomKey(room.rid));
});

test("a request's expiry uses the corrected clock", async () => {
  for (const days of [3, -3]) {
    const { context, queue, newcomer } = begin();
    const now = Date.now();
    context.clock.update(now + days * 86_400_000);
    const { exp } = await newcomer.ask(queue, { ttl: 40 * 86_400_000 });
    const lasts = exp - (now + days * 86_400_000);
    assert.ok(Math.abs(lasts - 30 * 86_400_000) < 5000, `${lasts} ms, of at most 30 days`);
  }
});
