import assert from "node:assert/strict";
import { test } from "vitest";
import { fromBase64url, toBase64url } from "../src/bytes.js";
import { VestibuleError } from "../src/errors.js";
import { BoxKey, seal } from "../src/sealing.js";
import { alice, approveOf, asItem, begin, bob, garbage, never, nothing, options, room } from "./newcomer-support.js";
import { makeApprove, makeRoom, until } from "./support.js";

test("a bad approve is nacked and a later good one accepted", async () => {
  const { context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const acks = [];
  const ack = async (id) => acks.push(id);
  const nacks = [];
  const nack = async (...answered) => nacks.push(answered);
  const good = await approveOf(queue);
  await newcomer.receive({ ...good, room_sig: good.user_sig }, ack, nack);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_approve"]);
  assert.deepEqual(nacks, [[good.approve_id, "bad_sig"]]);
  assert.equal(await context.records.roomKey(room.rid), null);
  await newcomer.receive(good, ack);
  await newcomer.receive(good, ack);
  assert.deepEqual(acks, [good.approve_id], "acked once, though it arrived over two topics");
});

test("an approve of a withdrawn request is ignored", async () => {
  const { context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const approve = await approveOf(queue);
  await newcomer.withdraw(queue);
  await newcomer.receive(approve, () => assert.fail("acked"));
  assert.equal(await context.records.roomKey(room.rid), null);
});

test("each kind of bad approve is nacked with its code", async () => {
  const { context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const waiting = newcomer.whenKey();
  const item = asItem(queue.sent[0].payload);
  const sealContext = { rid: room.rid, request_id: item.request_id, to: bob.uid };
  const sealed = async (boxPub, secret) => toBase64url(await seal(boxPub, sealContext, secret));
  const strange = await BoxKey.generate();
  const { private: wrong } = (await makeRoom()).key;
  const good = await approveOf(queue);
  const bad = [
    ["undecryptable", await approveOf(queue, { ct: await sealed(strange.pub, room.key.private) })],
    ["undecryptable", await approveOf(queue, { alg: "rot13" })],
    ["wrong_key", await approveOf(queue, { ct: await sealed(fromBase64url(item.box_pub), wrong) })],
    ["bad_sig", { ...good, user_sig: good.room_sig }],
    ["bad_sig", { ...good, room_sig: good.user_sig }],
    ["bad_sig", { ...good, by: bob.uid }],
  ];
  for (const [code, approve] of bad) {
    const nacks = [];
    await newcomer.receive(approve, never.ack, async (...answered) => nacks.push(answered));
    assert.deepEqual(nacks, [[approve.approve_id, code]]);
  }
  assert.equal(context.warnings.length, bad.length);
  assert.equal((await context.records.openRequest(room.rid)).request_id, item.request_id);
  await newcomer.receive(good, async () => {}, never.nack);
  assert.ok((await waiting).equals(room.key));
});

test("approves of others' requests are not answered", async () => {
  const { context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const approve = await approveOf(queue);
  await newcomer.receive({ ...approve, request_id: "another's" }, never.ack, never.nack);
  await newcomer.receive({ ...approve, to: alice.uid }, never.ack, never.nack);
  assert.deepEqual(context.warnings.map(({ detail }) => detail), ["it is for another user"]);
});

test("a repeated approve is acked again after saving its key", async () => {
  const { storage, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const approve = await approveOf(queue);
  const acks = [];
  const ack = async (id) => acks.push(id);
  let keys = 0;
  newcomer.onKey(() => (keys += 1));
  await newcomer.receive({ ...approve, attempt: 1 }, ack, never.nack);
  await newcomer.receive({ ...approve, attempt: 2 }, ack, never.nack);
  assert.equal(acks.length, 2);
  assert.equal(keys, 1, "the key is reported once");

  const after = begin({ storage });
  await after.newcomer.receive(approve, ack, never.nack);
  assert.deepEqual(acks.slice(2), [approve.approve_id]);
  await after.newcomer.receive({ ...approve, request_id: "another's" }, never.ack, never.nack);
});

test("other approves are not answered once the box is gone", async () => {
  const { storage, context, queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  await newcomer.receive(await approveOf(queue), async () => {});
  const others = [await approveOf(queue), await approveOf(queue, garbage)];
  const after = begin({ storage });
  for (const client of [newcomer, after.newcomer]) {
    for (const approve of others) await client.receive(approve, never.ack, never.nack);
  }
  assert.deepEqual([...context.warnings, ...after.context.warnings], []);
});

/**
 * A device that stopped between saving the key and sending its ack, with the answers it sends after
 * a restart.
 */
async function stoppedBeforeAck() {
  const before = begin();
  await before.newcomer.ask(before.queue, options);
  const source = await approveOf(before.queue);
  await before.newcomer.receive(source, async () => {
    throw new VestibuleError("disconnected");
  });
  const after = begin({ storage: before.storage });
  const answered = [];
  const ack = async (id) => answered.push(["ack", id]);
  const nack = async (...what) => answered.push(["nack", ...what]);
  const approve = (changes) => approveOf(before.queue, changes);
  const receive = (came) => after.newcomer.receive(came, ack, nack);
  const saved = () => before.storage.get(`room/${room.rid}/key`);
  return { ...after, source, answered, approve, receive, saved };
}

test("with a saved key a bad approve is still nacked", async () => {
  const { context, source, answered, approve, receive, saved } = await stoppedBeforeAck();
  const kept = saved();
  const bad = await approve(garbage);
  for (const came of [bad, source, { ...bad, attempt: 2 }]) await receive(came);
  assert.deepEqual(answered, [["nack", bad.approve_id, "undecryptable"], ["ack", source.approve_id]]);
  assert.equal(saved(), kept);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_approve"]);
});

test("with a saved key a further good approve is acked", async () => {
  const { context, newcomer, answered, approve, receive, saved } = await stoppedBeforeAck();
  newcomer.onKey(() => assert.fail("reported twice"));
  const kept = saved();
  const good = await approve();
  await receive(good);
  assert.deepEqual(answered, [["ack", good.approve_id]]);
  assert.equal(saved(), kept);
  assert.deepEqual(context.warnings, []);
});

test("approves are checked if the key's source is unknown", async () => {
  const { storage, source, answered, approve, receive, saved } = await stoppedBeforeAck();
  const { approve_id: _id, ...older } = JSON.parse(saved());
  assert.equal(older.request_id, source.request_id);
  storage.set(`room/${room.rid}/key`, JSON.stringify(older));
  const bad = await approve(garbage);
  for (const came of [bad, source]) await receive(came);
  assert.deepEqual(answered, [["nack", bad.approve_id, "undecryptable"], ["ack", source.approve_id]]);
  await receive({ ...source, attempt: 2 });
  assert.equal(answered.length, 2, "the box was deleted with the ack");
});

test("a box is kept while another device's request is open", async () => {
  const { context, newcomer, queue, source, answered, approve, receive } = await stoppedBeforeAck();
  const mine = [{ request_id: source.request_id }];
  await newcomer.resume(queue, { ...nothing, mine }, options);
  assert.notEqual(await context.records.openRequest(room.rid), null);
  const bad = await approve(garbage);
  await receive(bad);
  assert.deepEqual(answered, [["nack", bad.approve_id, "undecryptable"]]);
  await newcomer.resume(queue, nothing, options);
  assert.equal(await context.records.openRequest(room.rid), null);
  assert.deepEqual(queue.sent, []);
});

test("devices that share a box share the request", async () => {
  const box = await BoxKey.generate();
  const first = begin();
  await first.newcomer.ask(first.queue, { ...options, box });
  const item = asItem(first.queue.sent[0].payload);
  const approve = await makeApprove(room, alice, item);

  const second = begin({ answers: {
    request: { request_id: item.request_id, state: "approved", dup: true },
    approved: { items: [approve], cursor: null },
  } });
  // The approve is already waiting, so it arrives with the join, before its request is known here.
  await second.newcomer.receive(approve, never.ack, never.nack);
  const waiting = second.newcomer.whenKey();
  const { requestId } = await second.newcomer.ask(second.queue, { ...options, box });
  assert.equal(requestId, item.request_id);
  assert.ok((await waiting).equals(room.key));
  await until(() => second.queue.sent.some(({ event }) => event === "ack"));
  const ack = second.queue.sent.find(({ event }) => event === "ack");
  assert.deepEqual(ack.payload, { approve_id: approve.approve_id, device: second.context.device });
  assert.deepEqual(second.context.warnings, []);
});
