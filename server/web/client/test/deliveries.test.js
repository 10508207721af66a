import assert from "node:assert/strict";
import { test } from "vitest";
import { Deliveries } from "../src/deliveries.js";
import { MemoryStorage } from "../src/storage.js";
import { FakeChannel, FakeQueue, makeContext, makeUser, until } from "./support.js";

const bob = await makeUser();
const joined = { epoch: "one", seq: 10, approves: [], more: false, notices: [], cursors: {} };
const notice = (seq) => ({ event: "expired", rid: "garden", request_id: "any", seq });

async function begin({ answers, rid = "garden", storage = new MemoryStorage() } = {}) {
  const context = makeContext(bob, storage);
  const channel = new FakeChannel();
  const topic = { channel, queue: new FakeQueue(answers), on: (...args) => channel.on(...args) };
  const it = { ...topic, context, storage, approves: [], notices: [], resyncs: 0, fail: null };
  it.deliveries = new Deliveries(context, rid, {
    approve: (...came) => it.approves.push(came),
    notice: async (came) => {
      if (came.seq === it.fail) throw new Error("the disk is full");
      it.notices.push(came.seq);
    },
    resync: async () => void (it.resyncs += 1),
  });
  await it.deliveries.load();
  it.deliveries.listen(topic);
  return it;
}

test("the next join sends the position of handled notices", async () => {
  const { channel, deliveries, notices, storage } = await begin();
  assert.deepEqual(deliveries.joinFields, {});
  await deliveries.joined({ ...joined, notices: [notice(3), notice(7)] });
  assert.deepEqual(deliveries.joinFields, { last: { epoch: "one", seq: 10 } }, "the reply holds everything before the join");
  channel.bring("expired", notice(12));
  channel.bring("receipt", { ...notice(15), event: undefined });
  await until(() => notices.length === 4);
  const after = await begin({ storage });
  assert.deepEqual(after.deliveries.joinFields, { last: { epoch: "one", seq: 15 } });
});

test("a room opened for the first time starts at the inbox", async () => {
  const inbox = await begin({ rid: null });
  await inbox.deliveries.joined(joined);
  const { deliveries } = await begin({ storage: inbox.storage });
  assert.deepEqual(deliveries.joinFields, { last: { epoch: "one", seq: 10 } });
});

test("pushed notices wait until lists are read to the end", async () => {
  const pages = { n1: { items: [notice(4)], cursor: "n2" }, n2: { items: [notice(5)], cursor: null } };
  const approved = { a1: { items: [{ approve_id: "two" }], cursor: null } };
  const it = await begin({ answers: {
    notices: ({ cursor }) => pages[cursor],
    approved: ({ cursor }) => approved[cursor],
  } });
  const taken = it.deliveries.joined({
    ...joined,
    approves: [{ approve_id: "one" }],
    more: true,
    notices: [notice(3)],
    cursors: { notices: "n1", approves: "a1" },
  });
  it.channel.bring("expired", notice(11));
  await taken;
  await until(() => it.notices.length === 4 && it.approves.length === 2);
  assert.deepEqual(it.notices, [3, 4, 5, 11]);
  assert.deepEqual(it.approves.map(([{ approve_id }]) => approve_id), ["one", "two"]);
});

test("a notice that failed is not skipped by the position", async () => {
  const it = await begin();
  await it.deliveries.joined(joined);
  it.fail = 11;
  it.channel.bring("expired", notice(11));
  it.channel.bring("expired", notice(12));
  await until(() => it.notices.length === 1);
  assert.deepEqual(it.deliveries.joinFields.last, { epoch: "one", seq: 10 });
  assert.deepEqual(it.context.warnings.map(({ message }) => message), ["the disk is full"]);
  it.fail = null;
  await it.deliveries.joined({ ...joined, seq: 12, notices: [notice(11), notice(12)] });
  assert.deepEqual(it.notices, [12, 11, 12]);
  assert.deepEqual(it.deliveries.joinFields.last, { epoch: "one", seq: 12 });
});

test("a new epoch triggers a resync, even with lower seqs", async () => {
  const it = await begin();
  await it.deliveries.joined(joined);
  assert.equal(it.resyncs, 0);
  await it.deliveries.joined({ ...joined, epoch: "two", seq: 2 });
  assert.equal(it.resyncs, 1);
  assert.deepEqual(it.deliveries.joinFields.last, { epoch: "two", seq: 2 });
  await it.deliveries.joined({ ...joined, epoch: "two", seq: 3 });
  assert.equal(it.resyncs, 1);
});

test("acks name the device and, over the inbox, the room", async () => {
  for (const [rid, more] of [["garden", {}], [null, { rid: "cellar" }]]) {
    const { channel, context, queue, approves } = await begin({ rid });
    channel.bring("approve", { rid: "cellar", approve_id: "one" });
    const [[, ack, nack]] = approves;
    await ack("one");
    await nack("one", "wrong_key");
    const fields = { ...more, device: context.device, approve_id: "one" };
    assert.deepEqual(queue.sent, [
      { event: "ack", payload: fields },
      { event: "nack", payload: { ...fields, code: "wrong_key" } },
    ]);
  }
});
