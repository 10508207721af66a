import assert from "node:assert/strict";
import { test } from "vitest";
import { toBase64url } from "../src/bytes.js";
import { Doorkeeper } from "../src/doorkeeper.js";
import { VestibuleError } from "../src/errors.js";
import { checkDenial, openApprove } from "../src/checks.js";
import { requestKey } from "../src/ids.js";
import { MemoryStorage } from "../src/storage.js";
import { FakeCourier, makeContext, makeRequest, makeRoom, makeUser, until } from "./support.js";

const [alice, bob, mallory, room] = await Promise.all([makeUser(), makeUser(), makeUser(), makeRoom()]);
const settled = () => new Promise((resolve) => setImmediate(resolve));

const list = (pending) => ({ pending, cursor: null });

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

test("where the answer to a proof has no list, as a member's further one, the list is asked for", async () => {
  const { item } = await makeRequest(room, bob);
  const { courier, doorkeeper, seen } = await begin({ answers: { pending: { items: [item], cursor: null } } });
  await doorkeeper.listed({ role: "member", seq: 7 });
  await settled();
  assert.deepEqual(courier.sent.map(({ event }) => event), ["pending"]);
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id]);
});

test("who has no key denies nobody", async () => {
  const courier = new FakeCourier();
  const guest = new Doorkeeper(makeContext(bob), room.rid, courier);
  await assert.rejects(guest.deny({ requestId: "any", uid: alice.uid }), { reason: "not_member" });
  assert.deepEqual(courier.sent, []);
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
  doorkeeper.joined();
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
  doorkeeper.joined();
  const arriving = doorkeeper.arrived(item);
  await doorkeeper.listed(list([]));
  await arriving;
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id]);
  assert.equal(doorkeeper.requests.length, 1);
});

test("a list of an earlier join drops nothing that a later one knows", async () => {
  const { item } = await makeRequest(room, bob);
  let answer;
  const pending = () => new Promise((resolve) => (answer = resolve));
  const { courier, doorkeeper } = await begin({ answers: { pending } });
  doorkeeper.joined();
  const earlier = doorkeeper.listed({ pending: [], cursor: "second" });
  await until(() => courier.sent.length === 1);
  doorkeeper.joined();
  await doorkeeper.listed(list([item]));
  answer({ items: [], cursor: null });
  await earlier;
  assert.equal(doorkeeper.requests.length, 1);
});

test("a denied request is gone, and shown again when that is lifted, to who approves by itself too", async () => {
  const { doorkeeper, seen, courier } = await begin();
  const { item } = await makeRequest(room, bob);
  const waiting = [];
  doorkeeper.onWaiting((request, afterMs) => waiting.push([request.requestId, afterMs]));
  await doorkeeper.arrived({ ...item, after_ms: 0 });
  const denied = { request_id: item.request_id, uid: bob.uid, state: "denied", by: alice.uid, seq: 5 };
  doorkeeper.gone(denied);
  await doorkeeper.lookAgain();
  await settled();
  assert.deepEqual(doorkeeper.requests, []);
  // The same item, of the same seq, as pending as at first.
  await doorkeeper.arrived({ ...item, after_ms: 1500 });
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [item.request_id, item.request_id]);
  assert.deepEqual(waiting, [[item.request_id, 0], [item.request_id, 1500]]);
  await seen[1].approve();
  assert.equal(courier.sent[0].payload.request_id, item.request_id);
});

test("a request that is denied and opened again while it is checked is shown once", async () => {
  const { context, doorkeeper, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  const first = doorkeeper.arrived(item);
  doorkeeper.gone({ request_id: item.request_id, uid: bob.uid, state: "denied", by: alice.uid });
  await Promise.all([first, doorkeeper.arrived(item)]);
  await settled();
  assert.equal(seen.length, 1);
  assert.equal(doorkeeper.requests.length, 1);
  assert.deepEqual(context.warnings, []);
});

/** A member who has approved one request. */
async function approved() {
  const it = await begin();
  const { item } = await makeRequest(room, bob);
  await it.doorkeeper.arrived(item);
  await until(() => it.seen.length > 0);
  await it.seen[0].approve();
  const { approve_id, request_id } = it.courier.sent[0].payload;
  const receipt = { event: "receipt", rid: room.rid, approve_id, request_id, to: bob.uid, seq: 9 };
  return { ...it, item, receipt };
}

test("an approve that turned out bad is told, and its request shown again for another", async () => {
  const { context, courier, doorkeeper, seen, item, receipt } = await approved();
  const receipts = [];
  doorkeeper.onReceipt(({ result, code }) => receipts.push([result, code]));
  await context.notices.take({ ...receipt, result: "nacked", code: "wrong_key" });
  await doorkeeper.arrived({ ...item, approvals: 0 });
  await until(() => seen.length === 2);
  assert.deepEqual(receipts, [["nacked", "wrong_key"]]);
  assert.equal(seen[1], seen[0]);
  assert.equal(seen[1].nacks, 1);
  await seen[1].approve();
  assert.notEqual(courier.sent[1].payload.approve_id, courier.sent[0].payload.approve_id);
  const second = { ...receipt, approve_id: courier.sent[1].payload.approve_id };
  await context.notices.take({ ...second, result: "saved" });
  await settled();
  assert.deepEqual(receipts.slice(1), [["saved", undefined]]);
  assert.equal(seen.length, 2);
});

test("a nack that came while the member was away shows the request at the next start", async () => {
  const { context, item, receipt, storage } = await approved();
  await context.notices.take({ ...receipt, result: "nacked" });
  const after = await begin({ storage });
  await after.doorkeeper.listed(list([item]));
  await settled();
  assert.deepEqual(after.seen.map(({ nacks }) => nacks), [1]);

  const quicker = await approved();
  const restarted = await begin({ storage: quicker.storage });
  await restarted.doorkeeper.listed(list([quicker.item]));
  assert.deepEqual(restarted.seen, []);
  await restarted.context.notices.take({ ...quicker.receipt, result: "nacked" });
  await until(() => restarted.seen.length > 0);
  assert.equal(restarted.seen[0].nacks, 1, "the list came before the receipt");
});

test("a denial is signed by the room", async () => {
  const { courier, doorkeeper, seen } = await begin({ answers: { deny: { state: "denied", dup: false } } });
  const { item } = await makeRequest(room, bob);
  await doorkeeper.arrived(item);
  await settled();
  for (const [options, said] of [
    [{ code: "not_now", block: true }, { code: "not_now", block: true }],
    [undefined, { code: "", block: false }],
  ]) {
    assert.equal((await doorkeeper.deny(seen[0], options)).state, "denied");
    const { event, payload } = courier.sent.at(-1);
    assert.equal(event, "deny");
    const { room_sig: _sig, ...fields } = payload;
    assert.deepEqual(fields, { request_id: item.request_id, to: bob.uid, ...said });
    const denied = { rid: room.rid, request_id: item.request_id, to: bob.uid };
    const card = { alg: room.key.alg, room_pub: toBase64url(room.key.pub) };
    assert.deepEqual(await checkDenial({ ...payload, by: alice.uid }, denied, card), { by: alice.uid, ...said });
  }
});

test("denials are listed to their end, and each request among them may still be approved", async () => {
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
  const { context, courier, doorkeeper } = await begin({ answers: {
    denials: ({ cursor = "first" }) => pages[cursor],
    unblock: { dup: false },
  } });
  const denials = await doorkeeper.denials();
  const idsOf = (requests) => requests.map(({ requestId }) => requestId);
  const ids = denials.map(({ requests, ...rest }) => ({ ...rest, requests: idsOf(requests) }));
  assert.deepEqual(ids, [
    { ...told, requests: [one.request_id, two.request_id] },
    { ...told, block: true, until: null, requests: [] },
    { ...told, requests: [two.request_id] },
  ]);
  assert.ok(context.warnings.every(({ reason }) => reason === "bad_request"));
  const details = context.warnings.map(({ detail }) => detail).sort();
  assert.deepEqual(details, ["not of who was denied", "the signature is wrong"]);
  for (const [index, { item, box }] of asked.entries()) {
    await denials[0].requests[index].approve();
    const approve = { ...courier.sent.at(-1).payload, rid: room.rid, by: alice.uid };
    const open = { rid: room.rid, request_id: item.request_id, uid: bob.uid, box };
    assert.ok((await openApprove(approve, open)).equals(room.key));
  }
  await doorkeeper.unblock(bob.uid);
  assert.deepEqual(courier.sent.at(-1), { event: "unblock", payload: { uid: bob.uid } });
});

test("after the store forgot, what has no receipt is said again, and what has is not", async () => {
  const { context, courier, doorkeeper, item, receipt } = await approved();
  await doorkeeper.resync();
  await until(() => courier.sent.length === 2);
  assert.deepEqual(courier.sent[1], courier.sent[0]);

  // Its newcomer has not repeated the request yet.
  courier.answers.approve = new VestibuleError("no_request");
  await doorkeeper.resync();
  await until(() => courier.sent.length === 3);
  await settled();
  courier.answers.approve = { state: "approved" };
  await doorkeeper.arrived({ ...item, seq: 20 });
  await until(() => courier.sent.length === 4);
  assert.deepEqual(courier.sent[3], courier.sent[0]);
  assert.deepEqual(context.warnings, []);

  await context.notices.take({ ...receipt, result: "saved" });
  await doorkeeper.resync();
  await settled();
  assert.equal(courier.sent.length, 4);
});

test("a room that was left hears no more receipts", async () => {
  const { context, doorkeeper, receipt } = await approved();
  doorkeeper.onReceipt(() => assert.fail("told"));
  doorkeeper.end();
  await context.notices.take({ ...receipt, result: "saved" });
  await settled();
  assert.deepEqual(context.warnings, []);
});

/** Bob's request, and Mallory's under the id of his. */
async function makeTwins() {
  const { item } = await makeRequest(room, bob);
  const { item: twin } = await makeRequest(room, mallory, { signed: { request_id: item.request_id } });
  return [item, twin];
}

test("two users' requests of one id are two", async () => {
  const { doorkeeper, seen } = await begin();
  const [item, twin] = await makeTwins();
  for (const each of [item, twin]) await doorkeeper.arrived(each);
  await until(() => seen.length === 2);
  assert.deepEqual(seen.map(({ uid }) => uid), [bob.uid, mallory.uid]);
  doorkeeper.gone({ uid: mallory.uid, request_id: item.request_id, state: "withdrawn" });
  assert.deepEqual(doorkeeper.requests.map(({ uid }) => uid), [bob.uid]);

  // At the next join the list has Mallory's alone.
  const gone = [];
  doorkeeper.onRequestGone(({ uid, state }) => gone.push([uid, state]));
  doorkeeper.joined();
  await doorkeeper.listed(list([twin]));
  await settled();
  assert.deepEqual(gone, [[bob.uid, null]]);
  assert.deepEqual(doorkeeper.requests.map(({ uid }) => uid), [mallory.uid]);
});

test("two users' requests of one id get an approve each", async () => {
  const { context, courier, doorkeeper, seen, storage } = await begin();
  const twins = await makeTwins();
  for (const item of twins) await doorkeeper.arrived(item);
  await until(() => seen.length === 2);
  await Promise.all(seen.map((request) => request.approve()));
  const sent = courier.sent.map(({ payload }) => payload);
  assert.deepEqual(new Set(sent.map(({ to }) => to)), new Set([bob.uid, mallory.uid]));

  // Mallory's nack concerns hers alone.
  const { approve_id, request_id, to } = sent.find((approve) => approve.to === mallory.uid);
  const receipt = { event: "receipt", rid: room.rid, approve_id, request_id, to, seq: 9 };
  await context.notices.take({ ...receipt, result: "nacked" });
  await until(() => seen.length === 3);
  assert.equal(seen[2].uid, mallory.uid);
  const after = await begin({ storage });
  await after.doorkeeper.listed(list(twins));
  await settled();
  assert.deepEqual(after.seen.map(({ uid, nacks }) => [uid, nacks]), [[mallory.uid, 1]]);
});

test("a storage of 0.1.0 keeps its approves, which it has by id alone", async () => {
  const { context, courier, storage } = await approved();
  const { item: other } = await makeRequest(room, bob);
  const [sent] = (await context.records.sentApproves(room.rid)).values();
  const nacked = { exp: other.exp, state: "nacked", nacks: 2 };
  const [id, otherId] = [sent.frame.request_id, other.request_id];
  storage.set(`room/${room.rid}/approves`, JSON.stringify({ [id]: { ...sent, state: "sending" }, [otherId]: nacked }));

  const after = await begin({ storage });
  const { item: twin } = await makeRequest(room, mallory, { signed: { request_id: id } });
  await after.doorkeeper.listed(list([twin, other]));
  await until(() => after.seen.length === 2);
  assert.deepEqual(after.seen.map(({ uid, nacks }) => [uid, nacks]), [[mallory.uid, 0], [bob.uid, 2]]);
  await after.doorkeeper.resync();
  await until(() => after.courier.sent.length === 1);
  assert.deepEqual(after.courier.sent, courier.sent, "the approve as it was");
  const answered = async () => (await after.context.records.sentApprove(room.rid, requestKey(bob.uid, id))).state;
  await until(async () => (await answered()) === "stored");
});

test("a request that goes while the list is read does not come back", async () => {
  const { doorkeeper, seen } = await begin();
  const [one, two, three] = await Promise.all([1, 2, 3].map(async () => (await makeRequest(room, bob)).item));
  doorkeeper.joined();
  const listed = doorkeeper.listed(list([one, two, three]));
  doorkeeper.gone({ uid: bob.uid, request_id: two.request_id, state: "done" });
  // Denied and opened anew: what was pushed last counts.
  doorkeeper.gone({ uid: bob.uid, request_id: three.request_id, state: "denied" });
  const again = doorkeeper.arrived({ ...three, approvals: 1 });
  await Promise.all([listed, again]);
  await settled();
  const shown = doorkeeper.requests.map(({ requestId, approvals }) => [requestId, approvals]);
  assert.deepEqual(new Map(shown), new Map([[one.request_id, 0], [three.request_id, 1]]));
  assert.equal(seen.length, 2);
});

test("this device's own request is not shown to it", async () => {
  const { context, doorkeeper, seen } = await begin();
  const [open, denied, saved, elsewhere] = await Promise.all([1, 2, 3, 4].map(() => makeRequest(room, alice)));
  const asRecord = ({ item, box }) => ({ request_id: item.request_id, frame: item, box: box.toStored() });
  await context.records.endOpenRequest(room.rid, asRecord(denied));
  await context.records.saveOpenRequest(room.rid, asRecord(open));
  const source = { request_id: saved.item.request_id, approve_id: "any" };
  await context.records.saveRoomKey(room.rid, room.key, source);
  await doorkeeper.listed(list([open, denied, saved].map(({ item }) => item)));
  // Of another device of hers, which this one may let in.
  await doorkeeper.arrived(elsewhere.item);
  await settled();
  assert.deepEqual(seen.map(({ requestId }) => requestId), [elsewhere.item.request_id]);
  assert.deepEqual(doorkeeper.requests, seen);
  assert.deepEqual(context.warnings, []);
});

test("approves are counted, by this client where the server does not", async () => {
  const { context, doorkeeper, seen, item, receipt } = await approved();
  const told = [];
  doorkeeper.onRequestGone(({ approvals }) => told.push(approvals));
  const gone = { uid: bob.uid, request_id: item.request_id, state: "approved", by: mallory.uid };
  doorkeeper.gone(gone);
  doorkeeper.gone(gone);
  assert.equal(seen[0].approvals, 2);
  doorkeeper.gone({ ...gone, approvals: 5 });
  assert.equal(seen[0].approvals, 5);
  await context.notices.take({ ...receipt, result: "nacked" });
  await until(() => seen[0].nacks === 1);
  assert.equal(seen[0].approvals, 4, "an own one was no good");
  await doorkeeper.arrived({ ...item, approvals: 0 });
  assert.equal(seen[0].approvals, 0);
  await settled();
  assert.deepEqual(told, [1, 2, 5]);
});

test("an approve that comes while its request is checked is counted", async () => {
  const { doorkeeper, seen } = await begin();
  const { item } = await makeRequest(room, bob);
  const arriving = doorkeeper.arrived(item);
  doorkeeper.gone({ uid: bob.uid, request_id: item.request_id, state: "approved", by: mallory.uid });
  await arriving;
  await until(() => seen.length > 0);
  assert.equal(seen[0].approvals, 1);
});
