import assert from "node:assert/strict";
import { test } from "vitest";
import { toBase64url } from "../src/bytes.js";
import { PendingRequests } from "../src/pending-requests.js";
import { VestibuleError } from "../src/errors.js";
import { checkDenial, openApprove } from "../src/checks.js";
import { requestKey } from "../src/ids.js";
import { MemoryStorage } from "../src/storage.js";
import { FakeQueue, makeContext, makeRequest, makeRoom, makeUser, until } from "./support.js";

const [alice, bob, mallory, room] = await Promise.all([makeUser(), makeUser(), makeUser(), makeRoom()]);
const settled = () => new Promise((resolve) => setImmediate(resolve));

const list = (pending) => ({ pending, cursor: null });

async function begin({ answers = { approve: { state: "approved" } }, storage = new MemoryStorage() } = {}) {
  const context = makeContext(alice, storage);
  await context.records.saveRoomKey(room.rid, room.key);
  const queue = new FakeQueue(answers);
  const requests = new PendingRequests(context, room.rid, queue);
  const seen = [];
  requests.onRequest((request) => seen.push(request));
  return { context, storage, queue, requests, seen };
}

test("a request is shown once, to late handlers too", async () => {
  const { requests, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  await requests.received(item);
  await requests.listReceived(list([item]));
  const late = [];
  requests.onRequest((request) => late.push(request));
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id]);
  assert.deepEqual(late, seen);
});

test("the list is requested if the proof's reply has none", async () => {
  const { item } = await makeRequest(room, bob);
  const { queue, requests, seen } = await begin({ answers: { pending: { items: [item], cursor: null } } });
  await requests.listReceived({ role: "member", seq: 7 });
  await settled();
  assert.deepEqual(queue.sent.map(({ event }) => event), ["pending"]);
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id]);
});

test("denying requires the room's key", async () => {
  const queue = new FakeQueue();
  const guest = new PendingRequests(makeContext(bob), room.rid, queue);
  await assert.rejects(guest.deny({ requestId: "any", uid: alice.uid }), { reason: "not_member" });
  assert.deepEqual(queue.sent, []);
});

test("a bad request causes a warning and is not shown", async () => {
  const { context, requests, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  await requests.received({ ...item, note: "It is Alice" });
  await settled();
  assert.deepEqual(seen, []);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_request"]);
});

test("the newcomer can open an approve", async () => {
  const { queue, requests, seen } = await begin();
  const { item, box } = await makeRequest(room, bob);
  await requests.received(item);
  await settled();
  await seen[0].approve();
  const approve = { ...queue.sent[0].payload, rid: room.rid, by: alice.uid };
  const asked = { rid: room.rid, request_id: item.request_id, uid: bob.uid, box };
  assert.ok((await openApprove(approve, asked)).equals(room.key));
});

test("an unanswered approve is sent again after a restart", async () => {
  const before = await begin({ answers: { approve: new VestibuleError("disconnected") } });
  const { item } = await makeRequest(room, bob);
  await before.requests.received(item);
  await settled();
  await assert.rejects(before.seen[0].approve(), { reason: "disconnected" });

  const after = await begin({ storage: before.storage });
  await after.requests.listReceived(list([item]));
  const later = await begin({ storage: before.storage });
  await later.requests.listReceived(list([item]));
  await settled();
  assert.deepEqual(after.queue.sent, before.queue.sent, "the same approve");
  assert.deepEqual(later.queue.sent, [], "the approve is answered now");
  assert.deepEqual([...after.seen, ...later.seen], []);
});

test("a refused approve can be retried with a new id", async () => {
  const { queue, requests, seen } = await begin({ answers: { approve: new VestibuleError("slots_full") } });
  await requests.received((await makeRequest(room, bob)).item);
  await settled();
  await assert.rejects(seen[0].approve(), { reason: "slots_full" });
  await assert.rejects(seen[0].approve(), { reason: "slots_full" });
  const [first, second] = queue.sent.map(({ payload }) => payload.approve_id);
  assert.notEqual(first, second);
});

test("gone requests are reported, live or at the next join", async () => {
  const { requests, seen } = await begin();
  const gone = [];
  requests.onRequestGone(({ requestId, state }) => gone.push([requestId, state]));
  const items = [];
  for (let index = 0; index < 3; index += 1) items.push((await makeRequest(room, bob)).item);
  const [one, two, three] = items.map(({ request_id }) => request_id);
  await requests.listReceived(list(items));
  requests.gone({ request_id: one, uid: bob.uid, state: "approved", by: alice.uid });
  requests.gone({ request_id: two, uid: bob.uid, state: "done" });
  requests.joined();
  await requests.listReceived(list([items[0]]));
  await settled();
  assert.equal(seen.length, 3);
  assert.deepEqual(gone, [[one, "approved"], [two, "done"], [three, null]]);
  assert.deepEqual(requests.all.map(({ requestId }) => requestId), [one]);
});

test("a handler that throws causes a warning", async () => {
  const { context, requests, seen } = await begin();
  requests.onRequest(() => {
    throw new Error("oh");
  });
  await requests.received((await makeRequest(room, bob)).item);
  await settled();
  assert.equal(seen.length, 1);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["handler_failed"]);
});

test("a request pushed after the list was made stays", async () => {
  const { requests, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  requests.joined();
  const arriving = requests.received(item);
  await requests.listReceived(list([]));
  await arriving;
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id]);
  assert.equal(requests.all.length, 1);
});

test("a list of an earlier join drops no newer requests", async () => {
  const { item } = await makeRequest(room, bob);
  let answer;
  const pending = () => new Promise((resolve) => (answer = resolve));
  const { queue, requests } = await begin({ answers: { pending } });
  requests.joined();
  const earlier = requests.listReceived({ pending: [], cursor: "second" });
  await until(() => queue.sent.length === 1);
  requests.joined();
  await requests.listReceived(list([item]));
  answer({ items: [], cursor: null });
  await earlier;
  assert.equal(requests.all.length, 1);
});

test("a denied request is shown again when the denial is lifted", async () => {
  const { requests, seen, queue } = await begin();
  const { item } = await makeRequest(room, bob);
  const waiting = [];
  requests.onWaiting((request, afterMs) => waiting.push([request.requestId, afterMs]));
  await requests.received({ ...item, after_ms: 0 });
  const denied = { request_id: item.request_id, uid: bob.uid, state: "denied", by: alice.uid, seq: 5 };
  requests.gone(denied);
  await requests.showAgain();
  await settled();
  assert.deepEqual(requests.all, []);
  // The same item, with the same seq, pending again.
  await requests.received({ ...item, after_ms: 1500 });
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id, item.request_id]);
  assert.deepEqual(waiting, [[item.request_id, 0], [item.request_id, 1500]]);
  await seen[1].approve();
  assert.equal(queue.sent[0].payload.request_id, item.request_id);
});

test("a request reopened while being checked is shown once", async () => {
  const { context, requests, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  const first = requests.received(item);
  requests.gone({ request_id: item.request_id, uid: bob.uid, state: "denied", by: alice.uid });
  await Promise.all([first, requests.received(item)]);
  await settled();
  assert.equal(seen.length, 1);
  assert.equal(requests.all.length, 1);
  assert.deepEqual(context.warnings, []);
});

/** A member who has approved one request. */
async function approved() {
  const it = await begin();
  const { item } = await makeRequest(room, bob);
  await it.requests.received(item);
  await until(() => it.seen.length > 0);
  await it.seen[0].approve();
  const { approve_id, request_id } = it.queue.sent[0].payload;
  const receipt = { event: "receipt", rid: room.rid, approve_id, request_id, to: bob.uid, seq: 9 };
  return { ...it, item, receipt };
}

test("a nacked approve is reported and its request shown again", async () => {
  const { context, queue, requests, seen, item, receipt } = await approved();
  const receipts = [];
  requests.onReceipt(({ result, code }) => receipts.push([result, code]));
  await context.notices.take({ ...receipt, result: "nacked", code: "wrong_key" });
  await requests.received({ ...item, approvals: 0 });
  await until(() => seen.length === 2);
  assert.deepEqual(receipts, [["nacked", "wrong_key"]]);
  assert.equal(seen[1], seen[0]);
  assert.equal(seen[1].nacks, 1);
  await seen[1].approve();
  assert.notEqual(queue.sent[1].payload.approve_id, queue.sent[0].payload.approve_id);
  const second = { ...receipt, approve_id: queue.sent[1].payload.approve_id };
  await context.notices.take({ ...second, result: "saved" });
  await settled();
  assert.deepEqual(receipts.slice(1), [["saved", undefined]]);
  assert.equal(seen.length, 2);
});

test("a nack received while away shows the request again", async () => {
  const { context, item, receipt, storage } = await approved();
  await context.notices.take({ ...receipt, result: "nacked" });
  const after = await begin({ storage });
  await after.requests.listReceived(list([item]));
  await settled();
  assert.deepEqual(after.seen.map(({ nacks }) => nacks), [1]);

  const quicker = await approved();
  const restarted = await begin({ storage: quicker.storage });
  await restarted.requests.listReceived(list([quicker.item]));
  assert.deepEqual(restarted.seen, []);
  await restarted.context.notices.take({ ...quicker.receipt, result: "nacked" });
  await until(() => restarted.seen.length > 0);
  assert.equal(restarted.seen[0].nacks, 1, "the list came before the receipt");
});

test("a denial is signed with the room's key", async () => {
  const { queue, requests, seen } = await begin({ answers: { deny: { state: "denied", dup: false } } });
  const { item } = await makeRequest(room, bob);
  await requests.received(item);
  await settled();
  for (const [options, expected] of [
    [{ code: "not_now", block: true }, { code: "not_now", block: true }],
    [undefined, { code: "", block: false }],
  ]) {
    assert.equal((await requests.deny(seen[0], options)).state, "denied");
    const { event, payload } = queue.sent.at(-1);
    assert.equal(event, "deny");
    const { room_sig: _sig, ...fields } = payload;
    assert.deepEqual(fields, { request_id: item.request_id, to: bob.uid, ...expected });
    const denied = { rid: room.rid, request_id: item.request_id, to: bob.uid };
    const card = { alg: room.key.alg, room_pub: toBase64url(room.key.pub) };
    assert.deepEqual(await checkDenial({ ...payload, by: alice.uid }, denied, card), { by: alice.uid, ...expected });
  }
});

test("all denials are listed and can be overruled", async () => {
  const asked = await Promise.all([makeRequest(room, bob), makeRequest(room, bob)]);
  const [one, two] = asked.map(({ item }) => item);
  const others = (await makeRequest(room, alice)).item;
  const told = { uid: bob.uid, by: alice.uid, code: "no", block: false, at: 1, until: 2 };
  const denial = { ...told, rid: room.rid, seq: 3 };
  const block = { ...denial, block: true, until: null, requests: [] };
  const bad = { ...denial, requests: [{ ...one, note: "" }, others, two] };
  const pages = {
    first: { items: [{ ...denial, requests: [one, two] }], cursor: "second" },
    second: { items: [block, bad], cursor: null },
  };
  const { context, queue, requests } = await begin({ answers: {
    denials: ({ cursor = "first" }) => pages[cursor],
    unblock: { dup: false },
  } });
  const denials = await requests.denials();
  const idsOf = (requests) => requests.map(({ requestId }) => requestId);
  const ids = denials.map(({ requests, ...rest }) => ({ ...rest, requests: idsOf(requests) }));
  assert.deepEqual(ids, [
    { ...told, requests: [one.request_id, two.request_id] },
    { ...told, block: true, until: null, requests: [] },
    { ...told, requests: [two.request_id] },
  ]);
  assert.ok(context.warnings.every(({ reason }) => reason === "bad_request"));
  const details = context.warnings.map(({ detail }) => detail).sort();
  assert.deepEqual(details, ["it belongs to another user", "the signature is invalid"]);
  for (const [index, { item, box }] of asked.entries()) {
    await denials[0].requests[index].approve();
    const approve = { ...queue.sent.at(-1).payload, rid: room.rid, by: alice.uid };
    const open = { rid: room.rid, request_id: item.request_id, uid: bob.uid, box };
    assert.ok((await openApprove(approve, open)).equals(room.key));
  }
  await requests.unblock(bob.uid);
  assert.deepEqual(queue.sent.at(-1), { event: "unblock", payload: { uid: bob.uid } });
});

test("after a resync only approves without receipt are resent", async () => {
  const { context, queue, requests, item, receipt } = await approved();
  await requests.resync();
  await until(() => queue.sent.length === 2);
  assert.deepEqual(queue.sent[1], queue.sent[0]);

  // The newcomer has not repeated the request yet.
  queue.answers.approve = new VestibuleError("no_request");
  await requests.resync();
  await until(() => queue.sent.length === 3);
  await settled();
  queue.answers.approve = { state: "approved" };
  await requests.received({ ...item, seq: 20 });
  await until(() => queue.sent.length === 4);
  assert.deepEqual(queue.sent[3], queue.sent[0]);
  assert.deepEqual(context.warnings, []);

  await context.notices.take({ ...receipt, result: "saved" });
  await requests.resync();
  await settled();
  assert.equal(queue.sent.length, 4);
});

test("a room that was left reports no more receipts", async () => {
  const { context, requests, receipt } = await approved();
  requests.onReceipt(() => assert.fail("told"));
  requests.end();
  await context.notices.take({ ...receipt, result: "saved" });
  await settled();
  assert.deepEqual(context.warnings, []);
});

/** Bob's request, and Mallory's with the same id. */
async function makeTwins() {
  const { item } = await makeRequest(room, bob);
  const { item: twin } = await makeRequest(room, mallory, { signed: { request_id: item.request_id } });
  return [item, twin];
}

test("requests with one id by two users are two requests", async () => {
  const { requests, seen } = await begin();
  const [item, twin] = await makeTwins();
  for (const each of [item, twin]) await requests.received(each);
  await until(() => seen.length === 2);
  assert.deepEqual(seen.map(({ uid }) => uid), [bob.uid, mallory.uid]);
  requests.gone({ uid: mallory.uid, request_id: item.request_id, state: "withdrawn" });
  assert.deepEqual(requests.all.map(({ uid }) => uid), [bob.uid]);

  // At the next join the list holds only Mallory's.
  const gone = [];
  requests.onRequestGone(({ uid, state }) => gone.push([uid, state]));
  requests.joined();
  await requests.listReceived(list([twin]));
  await settled();
  assert.deepEqual(gone, [[bob.uid, null]]);
  assert.deepEqual(requests.all.map(({ uid }) => uid), [mallory.uid]);
});

test("requests with one id by two users get an approve each", async () => {
  const { context, queue, requests, seen, storage } = await begin();
  const twins = await makeTwins();
  for (const item of twins) await requests.received(item);
  await until(() => seen.length === 2);
  await Promise.all(seen.map((request) => request.approve()));
  const sent = queue.sent.map(({ payload }) => payload);
  assert.deepEqual(new Set(sent.map(({ to }) => to)), new Set([bob.uid, mallory.uid]));

  // Mallory's nack concerns only hers.
  const { approve_id, request_id, to } = sent.find((approve) => approve.to === mallory.uid);
  const receipt = { event: "receipt", rid: room.rid, approve_id, request_id, to, seq: 9 };
  await context.notices.take({ ...receipt, result: "nacked" });
  await until(() => seen.length === 3);
  assert.equal(seen[2].uid, mallory.uid);
  const after = await begin({ storage });
  await after.requests.listReceived(list(twins));
  await settled();
  assert.deepEqual(after.seen.map(({ uid, nacks }) => [uid, nacks]), [[mallory.uid, 1]]);
});

test("approves stored by 0.1.0 are still recognised", async () => {
  const { context, queue, storage } = await approved();
  const { item: other } = await makeRequest(room, bob);
  const [sent] = (await context.records.sentApproves(room.rid)).values();
  const nacked = { exp: other.exp, state: "nacked", nacks: 2 };
  const [id, otherId] = [sent.frame.request_id, other.request_id];
  storage.set(`room/${room.rid}/approves`, JSON.stringify({ [id]: { ...sent, state: "sending" }, [otherId]: nacked }));

  const after = await begin({ storage });
  const { item: twin } = await makeRequest(room, mallory, { signed: { request_id: id } });
  await after.requests.listReceived(list([twin, other]));
  await until(() => after.seen.length === 2);
  assert.deepEqual(after.seen.map(({ uid, nacks }) => [uid, nacks]), [[mallory.uid, 0], [bob.uid, 2]]);
  await after.requests.resync();
  await until(() => after.queue.sent.length === 1);
  assert.deepEqual(after.queue.sent, queue.sent, "the unchanged approve");
  const answered = async () => (await after.context.records.sentApprove(room.rid, requestKey(bob.uid, id))).state;
  await until(async () => (await answered()) === "stored");
});

test("a request gone while the list is read does not return", async () => {
  const { requests, seen } = await begin();
  const [one, two, three] = await Promise.all([1, 2, 3].map(async () => (await makeRequest(room, bob)).item));
  requests.joined();
  const listed = requests.listReceived(list([one, two, three]));
  requests.gone({ uid: bob.uid, request_id: two.request_id, state: "done" });
  // Denied and reopened: the last push counts.
  requests.gone({ uid: bob.uid, request_id: three.request_id, state: "denied" });
  const again = requests.received({ ...three, approvals: 1 });
  await Promise.all([listed, again]);
  await settled();
  const shown = requests.all.map(({ requestId, approvals }) => [requestId, approvals]);
  assert.deepEqual(new Map(shown), new Map([[one.request_id, 0], [three.request_id, 1]]));
  assert.equal(seen.length, 2);
});

test("this device's own request is not shown to it", async () => {
  const { context, requests, seen } = await begin();
  const [open, denied, saved, elsewhere] = await Promise.all([1, 2, 3, 4].map(() => makeRequest(room, alice)));
  const asRecord = ({ item, box }) => ({ request_id: item.request_id, frame: item, box: box.toStored() });
  await context.records.endOpenRequest(room.rid, asRecord(denied));
  await context.records.saveOpenRequest(room.rid, asRecord(open));
  const source = { request_id: saved.item.request_id, approve_id: "any" };
  await context.records.saveRoomKey(room.rid, room.key, source);
  await requests.listReceived(list([open, denied, saved].map(({ item }) => item)));
  // By another device of Alice's, which this one may approve.
  await requests.received(elsewhere.item);
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [elsewhere.item.request_id]);
  assert.deepEqual(requests.all, seen);
  assert.deepEqual(context.warnings, []);
});

test("approves are counted even if the server does not", async () => {
  const { context, requests, seen, item, receipt } = await approved();
  const told = [];
  requests.onRequestGone(({ approvals }) => told.push(approvals));
  const gone = { uid: bob.uid, request_id: item.request_id, state: "approved", by: mallory.uid };
  requests.gone(gone);
  requests.gone(gone);
  assert.equal(seen[0].approvals, 2);
  requests.gone({ ...gone, approvals: 5 });
  assert.equal(seen[0].approvals, 5);
  await context.notices.take({ ...receipt, result: "nacked" });
  await until(() => seen[0].nacks === 1);
  assert.equal(seen[0].approvals, 4, "one of Alice's own was bad");
  await requests.received({ ...item, approvals: 0 });
  assert.equal(seen[0].approvals, 0);
  await settled();
  assert.deepEqual(told, [1, 2, 5]);
});

test("an approve sent while its request is checked counts", async () => {
  const { requests, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  const arriving = requests.received(item);
  requests.gone({ uid: bob.uid, request_id: item.request_id, state: "approved", by: mallory.uid });
  await arriving;
  await until(() => seen.length > 0);
  assert.equal(seen[0].approvals, 1);
});
