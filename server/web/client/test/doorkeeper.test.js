import assert from "node:assert/strict";
import { test } from "node:test";
import { Doorkeeper } from "../src/doorkeeper.js";
import { VestibuleError } from "../src/errors.js";
import { openApprove } from "../src/checks.js";
import { MemoryStorage } from "../src/storage.js";
import { FakeCourier, makeContext, makeRequest, makeRoom, makeUser } from "./support.js";

const [alice, bob, room] = await Promise.all([makeUser(), makeUser(), makeRoom()]);
const settled = () => new Promise((resolve) => setImmediate(resolve));

const list = (pending, seq = 1) => ({ pending, cursor: null, seq });

async function begin({ answers = { approve: { state: "approved" } }, storage = new MemoryStorage() } = {}) {
  const context = makeContext(alice, storage);
  await context.records.saveRoomKey(room.rid, room.key);
  const courier = new FakeCourier(answers);
  const doorkeeper = new Doorkeeper(context, room.rid, courier);
  const seen = [];
  doorkeeper.onRequest((request) => seen.push(request));
  return { context, storage, courier, doorkeeper, seen };
}

test("a request is shown once, however often it comes, and to late handlers too", async () => {
  const { doorkeeper, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  await doorkeeper.arrived(item);
  await doorkeeper.listed(list([item]));
  const late = [];
  doorkeeper.onRequest((request) => late.push(request));
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id]);
  assert.deepEqual(late, seen);
});

test("a bad request is warned of and not shown", async () => {
  const { context, doorkeeper, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  await doorkeeper.arrived({ ...item, note: "It is Alice" });
  await settled();
  assert.deepEqual(seen, []);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_request"]);
});

test("an approve opens for the newcomer", async () => {
  const { courier, doorkeeper, seen } = await begin();
  const { item, box } = await makeRequest(room, bob);
  await doorkeeper.arrived(item);
  await settled();
  await seen[0].approve();
  const approve = { ...courier.sent[0].payload, rid: room.rid, by: alice.uid };
  const asked = { rid: room.rid, request_id: item.request_id, uid: bob.uid, box };
  assert.ok((await openApprove(approve, asked)).equals(room.key));
});

test("an unanswered approve is said again after a restart, and its request is not shown again", async () => {
  const before = await begin({ answers: { approve: new VestibuleError("disconnected") } });
  const { item } = await makeRequest(room, bob);
  await before.doorkeeper.arrived(item);
  await settled();
  await assert.rejects(before.seen[0].approve(), { reason: "disconnected" });

  const after = await begin({ storage: before.storage });
  await after.doorkeeper.listed(list([item]));
  const later = await begin({ storage: before.storage });
  await later.doorkeeper.listed(list([item]));
  await settled();
  assert.deepEqual(after.courier.sent, before.courier.sent, "the same approve");
  assert.deepEqual(later.courier.sent, [], "which is answered now");
  assert.deepEqual([...after.seen, ...later.seen], []);
});

test("a refused approve may be tried anew", async () => {
  const { courier, doorkeeper, seen } = await begin({ answers: { approve: new VestibuleError("slots_full") } });
  await doorkeeper.arrived((await makeRequest(room, bob)).item);
  await settled();
  await assert.rejects(seen[0].approve(), { reason: "slots_full" });
  await assert.rejects(seen[0].approve(), { reason: "slots_full" });
  const [first, second] = courier.sent.map(({ payload }) => payload.approve_id);
  assert.notEqual(first, second);
});

test("who is gone is told, live or at the next join", async () => {
  const { doorkeeper, seen } = await begin();
  const gone = [];
  doorkeeper.onRequestGone(({ requestId, state }) => gone.push([requestId, state]));
  const items = [];
  for (let index = 0; index < 3; index += 1) items.push((await makeRequest(room, bob)).item);
  const [one, two, three] = items.map(({ request_id }) => request_id);
  await doorkeeper.listed(list(items));
  doorkeeper.gone({ request_id: one, uid: bob.uid, state: "approved", by: alice.uid });
  doorkeeper.gone({ request_id: two, uid: bob.uid, state: "done" });
  await doorkeeper.listed(list([items[0]]));
  await settled();
  assert.equal(seen.length, 3);
  assert.deepEqual(gone, [[one, "approved"], [two, "done"], [three, null]]);
  assert.deepEqual(doorkeeper.requests.map(({ requestId }) => requestId), [one]);
});

test("a handler that throws is a warning", async () => {
  const { context, doorkeeper, seen } = await begin();
  doorkeeper.onRequest(() => {
    throw new Error("oh");
  });
  await doorkeeper.arrived((await makeRequest(room, bob)).item);
  await settled();
  assert.equal(seen.length, 1);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["handler_failed"]);
});

test("a request that came after the list was made is not gone for not being in it", async () => {
  const { doorkeeper, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  const arriving = doorkeeper.arrived({ ...item, seq: 2 });
  await doorkeeper.listed(list([]));
  await arriving;
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id]);
});
