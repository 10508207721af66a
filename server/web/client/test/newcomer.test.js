import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64url, toBase64url } from "../src/bytes.js";
import { Cards } from "../src/cards.js";
import { DeniedError, VestibuleError } from "../src/errors.js";
import { Newcomer } from "../src/newcomer.js";
import { BoxKey, seal } from "../src/sealing.js";
import {
  FakeCourier, HOUR_MS, LoggedStorage, makeApprove, makeContext, makeDenial, makeRoom, makeUser, until,
} from "./support.js";

const [alice, bob, room] = await Promise.all([makeUser(), makeUser(), makeRoom()]);
const options = { note: "It is Bob", ttl: HOUR_MS };
const nothing = { mine: [], approves: [], more: false };
const garbage = { ct: toBase64url(new Uint8Array(100)) };

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

test("a bad approve is warned of, nacked and not acked, a good one after it is taken", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const acks = [];
  const ack = async (id) => acks.push(id);
  const nacks = [];
  const nack = async (...said) => nacks.push(said);
  const good = await approveOf(courier);
  await newcomer.receive({ ...good, room_sig: good.user_sig }, ack, nack);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_approve"]);
  assert.deepEqual(nacks, [[good.approve_id, "bad_sig"]]);
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

const never = { ack: () => assert.fail("acked"), nack: () => assert.fail("nacked") };

test("each kind of bad approve is nacked with its code, and the request waits for the next", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const waiting = newcomer.whenKey();
  const item = asItem(courier.sent[0].payload);
  const sealContext = { rid: room.rid, request_id: item.request_id, to: bob.uid };
  const sealed = async (boxPub, secret) => toBase64url(await seal(boxPub, sealContext, secret));
  const strange = await BoxKey.generate();
  const { private: wrong } = (await makeRoom()).key;
  const good = await approveOf(courier);
  const bad = [
    ["undecryptable", await approveOf(courier, { ct: await sealed(strange.pub, room.key.private) })],
    ["undecryptable", await approveOf(courier, { alg: "rot13" })],
    ["wrong_key", await approveOf(courier, { ct: await sealed(fromBase64url(item.box_pub), wrong) })],
    ["bad_sig", { ...good, user_sig: good.room_sig }],
    ["bad_sig", { ...good, room_sig: good.user_sig }],
    ["bad_sig", { ...good, by: bob.uid }],
  ];
  for (const [code, approve] of bad) {
    const nacks = [];
    await newcomer.receive(approve, never.ack, async (...said) => nacks.push(said));
    assert.deepEqual(nacks, [[approve.approve_id, code]]);
  }
  assert.equal(context.warnings.length, bad.length);
  assert.equal((await context.records.openRequest(room.rid)).request_id, item.request_id);
  await newcomer.receive(good, async () => {}, never.nack);
  assert.ok((await waiting).equals(room.key));
});

test("what answers nothing of this device's is neither acked nor nacked", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const approve = await approveOf(courier);
  await newcomer.receive({ ...approve, request_id: "another's" }, never.ack, never.nack);
  await newcomer.receive({ ...approve, to: alice.uid }, never.ack, never.nack);
  assert.deepEqual(context.warnings.map(({ detail }) => detail), ["for another user"]);
});

test("an approve that comes again after its key is saved is acked again, in this run and in the next", async () => {
  const { storage, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const approve = await approveOf(courier);
  const acks = [];
  const ack = async (id) => acks.push(id);
  let keys = 0;
  newcomer.onKey(() => (keys += 1));
  await newcomer.receive({ ...approve, attempt: 1 }, ack, never.nack);
  await newcomer.receive({ ...approve, attempt: 2 }, ack, never.nack);
  assert.equal(acks.length, 2);
  assert.equal(keys, 1, "which is no second event");

  const after = begin({ storage });
  await after.newcomer.receive(approve, ack, never.nack);
  assert.deepEqual(acks.slice(2), [approve.approve_id]);
  await after.newcomer.receive({ ...approve, request_id: "another's" }, never.ack, never.nack);
});

test("another approve is silence where the box is gone, in this run and in the next", async () => {
  const { storage, context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  await newcomer.receive(await approveOf(courier), async () => {});
  const others = [await approveOf(courier), await approveOf(courier, garbage)];
  const after = begin({ storage });
  for (const client of [newcomer, after.newcomer]) {
    for (const approve of others) await client.receive(approve, never.ack, never.nack);
  }
  assert.deepEqual([...context.warnings, ...after.context.warnings], []);
});

/** A device that stopped after it had saved the key, before its ack; and what it says when it starts again. */
async function stoppedBeforeAck() {
  const before = begin();
  await before.newcomer.ask(before.courier, options);
  const source = await approveOf(before.courier);
  await before.newcomer.receive(source, async () => {
    throw new VestibuleError("disconnected");
  });
  const after = begin({ storage: before.storage });
  const said = [];
  const ack = async (id) => said.push(["ack", id]);
  const nack = async (...what) => said.push(["nack", ...what]);
  const approve = (changes) => approveOf(before.courier, changes);
  const receive = (came) => after.newcomer.receive(came, ack, nack);
  const saved = () => before.storage.get(`room/${room.rid}/key`);
  return { ...after, source, said, approve, receive, saved };
}

test("with the key saved, a bad approve of the same request is nacked, and the key's own acked", async () => {
  const { context, source, said, approve, receive, saved } = await stoppedBeforeAck();
  const kept = saved();
  const bad = await approve(garbage);
  for (const came of [bad, source, { ...bad, attempt: 2 }]) await receive(came);
  assert.deepEqual(said, [["nack", bad.approve_id, "undecryptable"], ["ack", source.approve_id]]);
  assert.equal(saved(), kept);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_approve"]);
});

test("with the key saved, a good approve of the same request is acked, and replaces nothing", async () => {
  const { context, newcomer, said, approve, receive, saved } = await stoppedBeforeAck();
  newcomer.onKey(() => assert.fail("a second event"));
  const kept = saved();
  const good = await approve();
  await receive(good);
  assert.deepEqual(said, [["ack", good.approve_id]]);
  assert.equal(saved(), kept);
  assert.deepEqual(context.warnings, []);
});

test("a key of an older client does not say which approve it came from: all are opened, or ignored", async () => {
  const { storage, source, said, approve, receive, saved } = await stoppedBeforeAck();
  const { approve_id: _id, ...older } = JSON.parse(saved());
  assert.equal(older.request_id, source.request_id);
  storage.set(`room/${room.rid}/key`, JSON.stringify(older));
  const bad = await approve(garbage);
  for (const came of [bad, source]) await receive(came);
  assert.deepEqual(said, [["nack", bad.approve_id, "undecryptable"], ["ack", source.approve_id]]);
  await receive({ ...source, attempt: 2 });
  assert.equal(said.length, 2, "the box went with the ack");
});

test("a device that has the key keeps the box of a request that is open for another", async () => {
  const { context, newcomer, courier, source, said, approve, receive } = await stoppedBeforeAck();
  const mine = [{ request_id: source.request_id }];
  await newcomer.resume(courier, { ...nothing, mine }, options);
  assert.notEqual(await context.records.openRequest(room.rid), null);
  const bad = await approve(garbage);
  await receive(bad);
  assert.deepEqual(said, [["nack", bad.approve_id, "undecryptable"]]);
  await newcomer.resume(courier, nothing, options);
  assert.equal(await context.records.openRequest(room.rid), null);
  assert.deepEqual(courier.sent, []);
});

test("a request for a box that another device has asked with is that device's request", async () => {
  const box = await BoxKey.generate();
  const first = begin();
  await first.newcomer.ask(first.courier, { ...options, box });
  const item = asItem(first.courier.sent[0].payload);
  const approve = await makeApprove(room, alice, item);

  const second = begin({ answers: {
    request: { request_id: item.request_id, state: "approved", dup: true },
    approved: { items: [approve], cursor: null },
  } });
  // It waits for this user already, so it came with the join, when nothing was known of it.
  await second.newcomer.receive(approve, never.ack, never.nack);
  const waiting = second.newcomer.whenKey();
  const { requestId } = await second.newcomer.ask(second.courier, { ...options, box });
  assert.equal(requestId, item.request_id);
  assert.ok((await waiting).equals(room.key));
  await until(() => second.courier.sent.some(({ event }) => event === "ack"));
  const ack = second.courier.sent.find(({ event }) => event === "ack");
  assert.deepEqual(ack.payload, { approve_id: approve.approve_id, device: second.context.device });
  assert.deepEqual(second.context.warnings, []);
});

test("a withdrawal takes back the request that was adopted", async () => {
  let answer;
  const { courier, newcomer } = begin({ answers: { request: () => new Promise((resolve) => (answer = resolve)) } });
  const asking = newcomer.ask(courier, options);
  await until(() => answer);
  const withdrawing = newcomer.withdraw(courier);
  answer({ request_id: "the first", state: "pending" });
  await Promise.all([asking, withdrawing]);
  assert.deepEqual(courier.sent.at(-1), { event: "withdraw", payload: { request_id: "the first" } });
});

test("a denial ends the waiting, and a later approve overrules it", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const waiting = newcomer.whenKey();
  const item = asItem(courier.sent[0].payload);
  const denial = await makeDenial(room, alice, item, { block: true });
  const heard = newcomer.hear(denial);
  await assert.rejects(waiting, (error) => {
    assert.ok(error instanceof DeniedError);
    assert.deepEqual([error.reason, error.code, error.block, error.by], ["denied", "not_now", true, alice.uid]);
    return true;
  });
  assert.equal(await heard, true);
  assert.equal(await newcomer.hear(denial), false, "the second time it is no news");
  assert.equal(await context.records.openRequest(room.rid), null);

  const again = newcomer.whenKey();
  await newcomer.receive(await makeApprove(room, alice, item), async () => {}, never.nack);
  assert.ok((await again).equals(room.key));
  assert.deepEqual(await context.records.deniedRequests(room.rid), []);
});

test("who was denied may ask anew, and is told how long not to", async () => {
  const { context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  await newcomer.hear(await makeDenial(room, alice, asItem(courier.sent[0].payload)));
  courier.answers.request = new VestibuleError("cooldown", undefined, { retryMs: 86_400_000 });
  await assert.rejects(newcomer.ask(courier, options), { reason: "cooldown", retryMs: 86_400_000 });
  const [first, second] = courier.sent.map(({ payload }) => payload);
  assert.notEqual(first.request_id, second.request_id);
  assert.equal(await context.records.openRequest(room.rid), null);
  const denied = await context.records.deniedRequests(room.rid);
  assert.deepEqual(denied.map(({ request_id }) => request_id), [first.request_id], "which may still be approved");
});

test("each request that was denied here resolves when it is approved later, after a restart too", async () => {
  for (const which of [0, 1]) {
    const { storage, courier, newcomer } = begin();
    const items = [];
    for (const _ of "ab") {
      await newcomer.ask(courier, options);
      items.push(asItem(courier.sent.at(-1).payload));
      await newcomer.hear(await makeDenial(room, alice, items.at(-1)));
    }
    const after = begin({ storage });
    // A denial was lifted: the requests are as open as if there had been none, and nobody tells the newcomer.
    await after.newcomer.resume(after.courier, { ...nothing, mine: items }, options);
    const waiting = after.newcomer.whenKey();
    const acks = [];
    const approve = await makeApprove(room, alice, items[which]);
    await after.newcomer.receive(approve, async (id) => acks.push(id), never.nack);
    assert.ok((await waiting).equals(room.key));
    assert.deepEqual(acks, [approve.approve_id]);
    const left = await after.context.records.deniedRequests(room.rid);
    assert.deepEqual(left.map(({ request_id }) => request_id), [items[1 - which].request_id]);
  }
});

test("a denied request that an older client kept resolves as well", async () => {
  const { storage, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  storage.set(`room/${room.rid}/denied`, storage.get(`room/${room.rid}/request`));
  storage.delete(`room/${room.rid}/request`);
  const waiting = newcomer.whenKey();
  await newcomer.receive(await approveOf(courier), async () => {}, never.nack);
  assert.ok((await waiting).equals(room.key));
  assert.equal(storage.get(`room/${room.rid}/denied`), null);
});

test("a denial that is not the room's is no denial", async () => {
  const { context, courier, newcomer } = begin();
  const member = makeContext(alice);
  await member.records.saveRoomKey(room.rid, room.key);
  await context.records.saveCard(await new Cards(member, room.rid).write({ policy: "request" }));
  await newcomer.ask(courier, options);
  const denial = await makeDenial(room, alice, asItem(courier.sent[0].payload));
  assert.equal(await newcomer.hear({ ...denial, code: "go away" }), false);
  assert.deepEqual(context.warnings.map(({ reason }) => reason), ["bad_denial"]);
  assert.notEqual(await context.records.openRequest(room.rid), null);
  assert.equal(await newcomer.hear(denial), true);
});

test("a request that expired, or that another device withdrew, is over", async () => {
  for (const event of ["expired", "withdrawn"]) {
    const { context, courier, newcomer } = begin();
    const { requestId } = await newcomer.ask(courier, options);
    const waiting = newcomer.whenKey();
    assert.equal(await newcomer.hear({ event, rid: room.rid, request_id: "another's", seq: 1 }), false);
    const heard = newcomer.hear({ event, rid: room.rid, request_id: requestId, seq: 2 });
    await assert.rejects(waiting, { reason: event });
    assert.equal(await heard, true);
    assert.equal(await context.records.openRequest(room.rid), null);
  }
});

test("a server that lost the request is told it again, in the same run", async () => {
  const { courier, newcomer } = begin({ answers: {
    request: { state: "pending" },
    mine: ({ cursor }) => {
      const isLast = cursor === 2;
      return { items: [{ request_id: isLast ? requestId : "other" }], cursor: isLast ? null : 2 };
    },
  } });
  const { requestId } = await newcomer.ask(courier, options);
  const onLaterPages = { ...nothing, cursors: { mine: 1 } };
  await newcomer.resume(courier, onLaterPages, options);
  assert.deepEqual(courier.sent.map(({ event }) => event), ["request", "mine", "mine"], "it was on the third page");
  await newcomer.resume(courier, nothing, options);
  assert.deepEqual(courier.sent.at(-1), courier.sent[0]);
  assert.equal(courier.sent.length, 4);
});

test("after a restore, a request for a room that is lost is kept, and said at each later join", async () => {
  const { storage, context, courier, newcomer } = begin();
  await newcomer.ask(courier, options);
  const waiting = newcomer.whenKey();
  courier.answers.request = new VestibuleError("unknown_room");
  await newcomer.resync();
  await assert.rejects(newcomer.resume(courier, nothing, options), { reason: "unknown_room" });
  assert.equal(courier.sent.length, 2, "once for this join");
  await assert.rejects(newcomer.ask(courier, options), { reason: "unknown_room" });

  const after = begin({ storage, answers: { request: new VestibuleError("unknown_room") } });
  await assert.rejects(after.newcomer.resume(after.courier, nothing, options), { reason: "unknown_room" });
  assert.deepEqual(after.courier.sent, [courier.sent[0]]);

  // A member has come with the card.
  courier.answers.request = { state: "pending" };
  await newcomer.resume(courier, nothing, options);
  assert.deepEqual(courier.sent, Array(4).fill(courier.sent[0]));
  await newcomer.receive(await approveOf(courier), async () => {}, never.nack);
  assert.ok((await waiting).equals(room.key));
  assert.deepEqual(context.warnings, []);
});

test("what is kept after a restore is kept until it expires, is refused otherwise, or is withdrawn", async (t) => {
  const kept = async () => {
    const it = begin();
    await it.newcomer.ask(it.courier, options);
    it.waiting = it.newcomer.whenKey();
    it.waiting.catch(() => {});
    it.courier.answers.request = new VestibuleError("unknown_room");
    await it.newcomer.resync();
    await assert.rejects(it.newcomer.resume(it.courier, nothing, options), { reason: "unknown_room" });
    return it;
  };
  const [expires, refused, withdrawn] = [await kept(), await kept(), await kept()];
  refused.courier.answers.request = new VestibuleError("blocked");
  await refused.newcomer.resume(refused.courier, nothing, options);
  await assert.rejects(refused.waiting, { reason: "blocked" });
  await withdrawn.newcomer.withdraw(withdrawn.courier);
  await assert.rejects(withdrawn.waiting, { reason: "withdrawn" });

  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + HOUR_MS });
  await expires.newcomer.resume(expires.courier, nothing, options);
  await assert.rejects(expires.waiting, { reason: "expired" });
  assert.equal(expires.courier.sent.length, 2);
  for (const { context } of [expires, refused, withdrawn]) {
    assert.equal(await context.records.openRequest(room.rid), null);
  }
});

test("a request that is underway is left to the courier", async () => {
  let answer;
  const { courier, newcomer } = begin({ answers: { request: () => new Promise((resolve) => (answer = resolve)) } });
  const asking = newcomer.ask(courier, options);
  await until(() => answer);
  await newcomer.resume(courier, nothing, options);
  answer({ state: "pending" });
  await asking;
  assert.equal(courier.sent.length, 1);
});

test("what somebody ended elsewhere is not asked for anew without being told to", async () => {
  for (const reason of ["withdrawn", "denied", "expired"]) {
    const { context, courier, newcomer } = begin();
    await newcomer.ask(courier, options);
    courier.answers.request = { state: reason };
    const waiting = assert.rejects(newcomer.whenKey(), { reason });
    await newcomer.resume(courier, nothing, options);
    await waiting;
    assert.equal(courier.sent.length, 2);
    assert.equal(await context.records.openRequest(room.rid), null);
  }
});
