import assert from "node:assert/strict";
import { Serializer } from "phoenix";
import { test, vi } from "vitest";
import { RetryQueue } from "../src/retry-queue.js";
import { VestibuleError } from "../src/errors.js";
import { stopTimers } from "./fake-time.js";

/** A channel whose replies the test gives with `pushes[n].answer("ok", …)`. */
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
  return { channel, queue: new RetryQueue(channel) };
}

const ended = new VestibuleError("disconnected");

test("pushes wait for the join, members' pushes for the proof", async () => {
  const { channel, queue } = begin();
  const request = queue.send("request", { id: 1 });
  queue.send("approve", { id: 2 }, { as: "member" }).catch(() => {});
  assert.equal(channel.pushes.length, 0);
  queue.open("guest");
  assert.deepEqual(channel.pushes.map(({ event }) => event), ["request"]);
  queue.open("member");
  assert.deepEqual(channel.pushes.map(({ event }) => event), ["request", "approve"]);
  channel.pushes[0].answer("ok", { state: "pending" });
  assert.deepEqual(await request, { state: "pending" });
  queue.end(ended);
});

test("a push is repeated after time-outs and reconnects", async () => {
  const { channel, queue } = begin();
  queue.open("guest");
  const request = queue.send("request", { id: 1 });
  channel.pushes[0].answer("timeout");
  queue.close();
  channel.pushes[1].answer("timeout");
  assert.equal(channel.pushes.length, 2, "nothing is pushed while the connection is lost");
  queue.open("guest");
  assert.deepEqual(channel.pushes[2].payload, { id: 1 });
  channel.pushes[2].answer("ok", {});
  await request;
  queue.close();
  queue.open("guest");
  assert.equal(channel.pushes.length, 3);
});

test("a refusal settles a push unless it is temporary", async () => {
  const { channel, queue } = begin();
  queue.open("guest");
  const refused = queue.send("request", {});
  channel.pushes[0].answer("error", { reason: "unknown_room", detail: "none" });
  await assert.rejects(refused, { reason: "unknown_room", detail: "none" });

  const later = queue.send("request", {});
  channel.pushes[1].answer("error", { reason: "overloaded", retry_ms: 1 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  channel.pushes[2].answer("ok", {});
  await later;
});

test("temporary refusals are retried with the demanded delay", async () => {
  stopTimers();
  const { channel, queue } = begin();
  queue.open("guest");
  const busy = { reason: "rate_limited", retry_ms: 1000 };
  const request = queue.send("request", { id: 1 });
  for (let tries = 1; tries < 10; tries += 1) {
    channel.pushes.at(-1).answer("error", busy);
    vi.advanceTimersByTime(999);
    assert.equal(channel.pushes.length, tries, "no sooner than demanded");
    vi.advanceTimersByTime(501);
    assert.equal(channel.pushes.length, tries + 1);
    assert.deepEqual(channel.pushes.at(-1).payload, { id: 1 });
  }
  channel.pushes.at(-1).answer("error", busy);
  await assert.rejects(request, { reason: "rate_limited", retryMs: 1000 });
});

test("a push that may be sent only once is not repeated", async () => {
  const { channel, queue } = begin();
  const waiting = queue.send("hello", {}, { repeat: false });
  queue.close();
  queue.open("guest");
  assert.equal(channel.pushes.length, 1, "it was not sent before");
  queue.close();
  await assert.rejects(waiting, { reason: "interrupted" });
  queue.open("guest");
  const late = queue.send("hello", {}, { repeat: false });
  channel.pushes[1].answer("timeout");
  await assert.rejects(late, { reason: "timeout" });
});

test("end() rejects open and later pushes", async () => {
  const { queue } = begin();
  const open = queue.send("request", {});
  queue.end(ended);
  await assert.rejects(open, ended);
  await assert.rejects(queue.send("request", {}), ended);
});
