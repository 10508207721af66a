import assert from "node:assert/strict";
import { test } from "vitest";
import { requestKey } from "../src/ids.js";
import { makeContext, makeUser, until } from "./support.js";

const alice = await makeUser();
const exp = Date.now() + 60_000;
const receipt = {
  event: "receipt", rid: "garden", seq: 1, request_id: "bob's", approve_id: "mine", to: "bob", result: "saved",
};
const key = requestKey("bob", "bob's");

function begin(receiveNotice = async () => true) {
  const context = makeContext(alice, undefined, () => ({ receiveNotice }));
  const told = [];
  context.notices.on((notice) => told.push(notice));
  return { ...context, told };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a receipt is stored and reported once", async () => {
  const { records, notices, told } = begin();
  const sent = { exp, state: "stored", frame: { approve_id: "mine" }, nacks: 0 };
  await records.saveSentApprove("garden", key, sent);
  await notices.take(receipt);
  await notices.take(receipt);
  await settled();
  assert.deepEqual(await records.sentApprove("garden", key), { exp, state: "saved", nacks: 0 });
  const { event, rid, to, result } = receipt;
  assert.deepEqual(told, [{ event, rid, requestId: "bob's", approveId: "mine", to, result, code: undefined }]);
});

test("nacks are counted and apply only to their own approve", async () => {
  const { records, notices, told } = begin();
  const nacked = { ...receipt, result: "nacked", code: "wrong_key" };
  await records.saveSentApprove("garden", key, { exp, state: "stored", frame: { approve_id: "mine" }, nacks: 1 });
  await notices.take(nacked);
  assert.deepEqual(await records.sentApprove("garden", key), { exp, state: "nacked", nacks: 2 });
  const next = { exp, state: "sending", frame: { approve_id: "next" }, nacks: 2 };
  await records.saveSentApprove("garden", key, next);
  await notices.take(nacked);
  await settled();
  assert.deepEqual(await records.sentApprove("garden", key), next);
  assert.equal(told.length, 1);
});

test("a receipt for another device's approve is reported", async () => {
  const { records, notices, told } = begin();
  await notices.take(receipt);
  await notices.take({ ...receipt, result: "eaten" });
  await until(() => told.length > 0);
  await settled();
  assert.equal(told.length, 1);
  assert.equal(await records.sentApprove("garden", key), undefined);
});

test("an ending is reported only if it is new", async () => {
  for (const isNews of [true, false]) {
    const { notices, told } = begin(async () => isNews);
    await notices.take({ event: "denied", rid: "garden", request_id: "mine", by: "alice", code: "no", block: false });
    await settled();
    const { requestId, code } = told[0] ?? {};
    assert.deepEqual([requestId, code], isNews ? ["mine", "no"] : [undefined, undefined]);
  }
});
