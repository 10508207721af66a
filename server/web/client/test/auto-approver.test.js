import assert from "node:assert/strict";
import { test, vi } from "vitest";
import { AutoApprover } from "../src/auto-approver.js";
import { VestibuleError } from "../src/errors.js";
import { stopTimers } from "./fake-time.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * A fake list of requests whose events the test triggers; the requests record when they are
 * approved.
 */
function begin({ policy = "open", isCreator = false, wants = () => true } = {}) {
  stopTimers();
  const it = { policy, isCreator, approved: [], warnings: [], answer: async () => ({}) };
  const requests = {
    onWaiting: (handler) => ((it.waiting = handler), () => (it.waiting = () => {})),
    onRequestGone: (handler) => {
      it.gone = (requestId, state, more) => handler({ requestId, state, uid: "her", ...more });
      return () => {};
    },
  };
  const warn = (error) => it.warnings.push(error.reason);
  it.auto = new AutoApprover({
    requests, uid: "me", policy: () => it.policy, isCreator: () => it.isCreator, wants, warn,
  });
  it.request = (requestId, more) => ({
    requestId, uid: "her", approvals: 0, nacks: 0, ...more,
    approve: () => (it.approved.push(requestId), it.answer()),
  });
  it.pass = async (ms) => {
    vi.advanceTimersByTime(ms);
    await turn();
  };
  return it;
}

test("approves when its turn comes, unless the request is gone", async () => {
  const it = begin();
  const states = ["done", "withdrawn", "denied", "expired"];
  for (const id of ["bob", ...states]) it.waiting(it.request(id), 1500);
  await it.pass(1499);
  assert.deepEqual(it.approved, []);
  for (const state of states) it.gone(state, state);
  await it.pass(1);
  assert.deepEqual(it.approved, ["bob"]);
});

test("a request with another user's id does not replace theirs", async () => {
  const it = begin();
  it.waiting(it.request("one"), 1500);
  it.gone("one", "withdrawn", { uid: "mallory" });
  it.waiting(it.request("one", { uid: "mallory" }), 3000);
  await it.pass(1500);
  assert.deepEqual(it.approved, ["one"]);
});

test("approves despite others until three approves wait", async () => {
  const it = begin();
  for (const approvals of [0, 1, 2, 3, 4]) it.waiting(it.request(`${approvals}`, { approvals }), 0);
  await it.pass(0);
  assert.deepEqual(it.approved, ["0", "1", "2"]);
});

test("the third approve cancels the wait, earlier ones do not", async () => {
  const it = begin();
  for (const id of ["bob", "carol"]) it.waiting(it.request(id), 1500);
  for (const approvals of [1, 2]) it.gone("bob", "approved", { by: "mallory", approvals });
  for (const approvals of [1, 2, 3]) it.gone("carol", "approved", { by: "mallory", approvals });
  await it.pass(1500);
  assert.deepEqual(it.approved, ["bob"]);
});

test("a request that arrives again is considered again", async () => {
  const it = begin();
  it.waiting(it.request("bob", { approvals: 3 }), 0);
  await it.pass(0);
  it.waiting(it.request("bob", { approvals: 0 }), 0);
  await it.pass(0);
  assert.deepEqual(it.approved, ["bob"]);
});

test("the creator approves however many approves wait", async () => {
  const it = begin({ isCreator: true });
  it.waiting(it.request("bob", { approvals: 7 }), 0);
  it.waiting(it.request("carol"), 1500);
  it.gone("carol", "approved", { by: "mallory", approvals: 8 });
  await it.pass(1500);
  assert.deepEqual(it.approved, ["bob", "carol"]);
});

test("an approve by the user's other device is enough", async () => {
  for (const isCreator of [false, true]) {
    const it = begin({ isCreator });
    it.waiting(it.request("bob"), 1500);
    it.gone("bob", "approved", { by: "me", approvals: 1 });
    await it.pass(1500);
    assert.deepEqual(it.approved, []);
  }
});

test("does nothing in rooms where a person decides", async () => {
  const it = begin();
  it.policy = "request";
  it.waiting(it.request("asked"), 0);
  await it.pass(0);
  it.policy = undefined;
  it.waiting(it.request("unknown"), 0);
  await it.pass(0);
  assert.deepEqual(it.approved, []);
});

test("ignores a denied request until the denial is lifted", async () => {
  const it = begin();
  it.waiting(it.request("bob"), 1500);
  it.gone("bob", "denied");
  await it.pass(60_000);
  assert.deepEqual(it.approved, []);
  it.waiting(it.request("bob"), 1500);
  await it.pass(1500);
  assert.deepEqual(it.approved, ["bob"]);
});

test("checks the policy at the moment of approving", async () => {
  const it = begin();
  it.waiting(it.request("bob"), 1000);
  it.policy = "request";
  await it.pass(1000);
  assert.deepEqual(it.approved, []);
  it.policy = "open";
  it.waiting(it.request("bob"), 0);
  await it.pass(0);
  assert.deepEqual(it.approved, ["bob"]);
});

test("approves only what the application wants", async () => {
  const it = begin({ wants: async ({ requestId }) => requestId === "bob" });
  for (const id of ["bob", "carol"]) it.waiting(it.request(id), 0);
  await it.pass(0);
  assert.deepEqual(it.approved, ["bob"]);
});

test("retries while all places are taken and the request is open", async () => {
  const it = begin();
  it.answer = async () => {
    throw new VestibuleError("slots_full", undefined, { retryMs: 5000 });
  };
  it.waiting(it.request("bob"), 0);
  await it.pass(0);
  await it.pass(4999);
  assert.equal(it.approved.length, 1);
  await it.pass(1);
  assert.equal(it.approved.length, 2);
  it.gone("bob", "done");
  await it.pass(60_000);
  assert.equal(it.approved.length, 2);
  assert.deepEqual(it.warnings, []);
});

test("retries twice if the newcomer could not use the approve", async () => {
  const it = begin();
  for (const nacks of [0, 1, 2, 3]) {
    it.waiting(it.request("bob", { nacks }), 0);
    await it.pass(0);
  }
  assert.equal(it.approved.length, 3);
});

test("warns of failures unless the approve is no longer needed", async () => {
  const it = begin();
  for (const reason of ["closed", "no_request", "expired", "box_mismatch"]) {
    it.answer = async () => {
      throw new VestibuleError(reason);
    };
    it.waiting(it.request(reason), 0);
    await it.pass(0);
  }
  assert.deepEqual(it.warnings, ["box_mismatch"]);
});

test("stop() cancels scheduled approves", async () => {
  const it = begin();
  it.waiting(it.request("bob"), 1000);
  it.auto.stop();
  it.waiting(it.request("carol"), 0);
  await it.pass(1000);
  assert.deepEqual(it.approved, []);
});
