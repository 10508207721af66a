/**
 * Frames that the server would not accept are refused unsent, because they would end the
 * connection.
 */
import assert from "node:assert/strict";
import { LongPoll, Serializer } from "phoenix";
import { test } from "vitest";
import { RetryQueue } from "../src/retry-queue.js";
import { encodedSize } from "../src/frame-size.js";

/** A channel that records the size of its pushes, encoded as phoenix.js encodes them. */
function makeChannel({ ref = 8, encode = Serializer.encode.bind(Serializer), transport } = {}) {
  const socket = { ref, encode, transport };
  const channel = { socket, topic: "room:garden", joinRef: () => "7", pushed: [] };
  channel.push = (event, payload) => {
    socket.ref += 1;
    socket.encode({ topic: channel.topic, event, payload, ref: String(socket.ref), join_ref: "7" }, (encoded) => {
      channel.pushed.push(typeof encoded === "string" ? Buffer.byteLength(encoded) : encoded.byteLength);
    });
    const push = { receive: (status, answer) => (status === "ok" && answer({}), push) };
    return push;
  };
  return channel;
}

const payloads = {
  "plain letters": { text: "hello" },
  "letters of several bytes": { text: "äöü \u{1f331}" },
  "nothing": {},
  "bytes": new ArrayBuffer(1000),
};

for (const [name, payload] of Object.entries(payloads)) {
  test(`the computed size is phoenix.js's: ${name}`, async () => {
    for (const ref of [8, 9, 99, 12_345]) {
      const channel = makeChannel({ ref });
      const size = encodedSize(channel, "hello", payload);
      const queue = new RetryQueue(channel);
      queue.open("guest");
      queue.limit(size);
      await queue.send("hello", payload);
      // The WebSocket header comes on top.
      assert.deepEqual(channel.pushed, [size - (size < 132 ? 6 : 8)]);
      // The next reference may be longer.
      queue.limit(size - 1);
      await assert.rejects(queue.send("hello", payload), { reason: "too_large" });
      assert.equal(channel.pushed.length, 1);
    }
  });
}

test("a frame that the server cannot parse is not sent", async () => {
  const channel = makeChannel();
  const queue = new RetryQueue(channel);
  queue.open("guest");
  const nested = (levels) => Array.from({ length: levels }).reduce((inner) => ({ inner }), "[{");
  for (const payload of [{ text: "cut \ud83d" }, { "\udc00": 1 }, nested(128)]) {
    await assert.rejects(queue.send("hello", payload), { reason: "bad_argument", detail: /whole characters/ });
  }
  await assert.rejects(queue.send("\ud83d", {}), { reason: "bad_argument" });
  assert.equal(channel.pushed.length, 0);
  for (const payload of [{ text: "\\ud83d \\\\ud83d [[" }, { "\u{1f331}": 1 }, nested(127)]) await queue.send("hello", payload);
});

test("binary frames over long poll are counted as base64", () => {
  const [socket, poll] = [undefined, LongPoll].map((transport) => {
    return encodedSize(makeChannel({ transport }), "hello", new ArrayBuffer(1000));
  });
  assert.equal(poll, Math.ceil((socket - 8) / 3) * 4);
});

test("the limit is 256 KiB if the server announces none", async () => {
  const channel = makeChannel();
  const queue = new RetryQueue(channel);
  queue.open("guest");
  for (const unannounced of [undefined, null, 0, "1"]) {
    queue.limit(unannounced);
    await assert.rejects(queue.send("hello", { text: "x".repeat(256 * 1024) }), {
      reason: "too_large", detail: "`hello` is 262201 bytes long; the server accepts at most 262144",
    });
  }
  await queue.send("hello", { text: "x".repeat(255 * 1024) });
});

test("a waiting push is checked against the next join's limit", async () => {
  const channel = makeChannel();
  const queue = new RetryQueue(channel);
  const waiting = queue.send("hello", { text: "x".repeat(1000) });
  queue.limit(500);
  queue.open("guest");
  await assert.rejects(waiting, { reason: "too_large" });
  assert.deepEqual(channel.pushed, []);
});

test("a payload that JSON cannot represent is an error", async () => {
  const queue = new RetryQueue(makeChannel());
  queue.open("guest");
  const ring = {};
  ring.ring = ring;
  for (const payload of [ring, { n: 1n }]) {
    await assert.rejects(queue.send("hello", payload), {
      name: "VestibuleError", reason: "bad_argument", detail: /^the payload of `hello` cannot be encoded/,
    });
  }
  const long = new RetryQueue(makeChannel());
  long.open("guest");
  await assert.rejects(long.send("x".repeat(256), new ArrayBuffer(1)), { reason: "bad_argument" });
});
