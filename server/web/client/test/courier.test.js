import assert from "node:assert/strict";
import { Serializer } from "phoenix";
import { test, vi } from "vitest";
import { Courier } from "../src/courier.js";
import { VestibuleError } from "../src/errors.js";
import { stopTimers } from "./clock.js";

/** A channel whose replies the test gives: `pushes[n].answer("ok", …)`. */
class FakeChannel {
  pushes = [];
  topic = "room:garden";
  socket = { ref: 8, encode: Serializer.encode.bind(Serializer) };
  joinRef = () => "7";
  push(event, payload) {
    const hooks = {};
    const push = { receive: (status, hook) => ((hooks[status] = hook), push) };
    this.pushes.push({ event, payload, answer: (status, reply) => hooks[status](reply) });
    return push;
  }
}

function begin() {
  const channel = new FakeChannel();
  return { channel, courier: new Courier(channel) };
}

const ended = new VestibuleError("disconnected");

test("nothing is pushed before the join, members' frames not before the proof", async () => {
  const { channel, courier } = begin();
  const request = courier.send("request", { id: 1 });
  courier.send("approve", { id: 2 }, { as: "member" }).catch(() => {});
  assert.equal(channel.pushes.length, 0);
  courier.open("guest");
  assert.deepEqual(channel.pushes.map(({ event }) => event), ["request"]);
  courier.open("member");
  assert.deepEqual(channel.pushes.map(({ event }) => event), ["request", "approve"]);
  channel.pushes[0].answer("ok", { state: "pending" });
  assert.deepEqual(await request, { state: "pending" });
  courier.end(ended);
});

test("a frame is said again after a time-out and after a reconnect, until answered", async () => {
  const { channel, courier } = begin();
  courier.open("guest");
  const request = courier.send("request", { id: 1 });
  channel.pushes[0].answer("timeout");
  courier.close();
  channel.pushes[1].answer("timeout");
  assert.equal(channel.pushes.length, 2, "no push while the connection is lost");
  courier.open("guest");
  assert.deepEqual(channel.pushes[2].payload, { id: 1 });
  channel.pushes[2].answer("ok", {});
  await request;
  courier.close();
  courier.open("guest");
  assert.equal(channel.pushes.length, 3);
});

test("a refusal is an answer, a not-now is not", async () => {
  const { channel, courier } = begin();
  courier.open("guest");
  const refused = courier.send("request", {});
  channel.pushes[0].answer("error", { reason: "unknown_room", detail: "none" });
  await assert.rejects(refused, { reason: "unknown_room", detail: "none" });

  const later = courier.send("request", {});
  channel.pushes[1].answer("error", { reason: "overloaded", retry_ms: 1 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  channel.pushes[2].answer("ok", {});
  await later;
});

test("a not-now is waited out no sooner than asked for, and not for ever", async () => {
  stopTimers();
  const { channel, courier } = begin();
  courier.open("guest");
  const busy = { reason: "rate_limited", retry_ms: 1000 };
  const request = courier.send("request", { id: 1 });
  for (let tries = 1; tries < 10; tries += 1) {
    channel.pushes.at(-1).answer("error", busy);
    vi.advanceTimersByTime(999);
    assert.equal(channel.pushes.length, tries, "not before its time");
    vi.advanceTimersByTime(501);
    assert.equal(channel.pushes.length, tries + 1);
    assert.deepEqual(channel.pushes.at(-1).payload, { id: 1 });
  }
  channel.pushes.at(-1).answer("error", busy);
  await assert.rejects(request, { reason: "rate_limited", retryMs: 1000 });
});

test("what may be said once only is not repeated", async () => {
  const { channel, courier } = begin();
  const waiting = courier.send("hello", {}, { repeat: false });
  courier.close();
  courier.open("guest");
  assert.equal(channel.pushes.length, 1, "it was not said before");
  courier.close();
  await assert.rejects(waiting, { reason: "interrupted" });
  courier.open("guest");
  const late = courier.send("hello", {}, { repeat: false });
  channel.pushes[1].answer("timeout");
  await assert.rejects(late, { reason: "timeout" });
});

test("the end rejects what is open and what comes after", async () => {
  const { courier } = begin();
  const open = courier.send("request", {});
  courier.end(ended);
  await assert.rejects(open, ended);
  await assert.rejects(courier.send("request", {}), ended);
});
