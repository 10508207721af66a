/** Messages at the limit, one byte above it, and several at once do not end the connection. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LongPoll } from "phoenix";
import { MemoryStorage, Vestibule } from "vestibule-client";
import WebSocket from "ws";
import { Server, within } from "./support.js";

const LIMIT = 256 * 1024;

let server;
before(async () => (server = await Server.begin()));
after(() => server.end());

for (const [name, transport] of [["a WebSocket", WebSocket], ["long poll", LongPoll]]) {
  test(`messages up to the limit are sent over ${name}`, { timeout: 60_000 }, async (t) => {
    const connect = async () => {
      const socketOptions = { timeout: 5000 };
      const options = { storage: new MemoryStorage(), transport, socketOptions, onWarning: () => {} };
      const client = await within("connected", Vestibule.connect(server.url, options));
      t.after(() => client.disconnect());
      return client;
    };
    const [alice, bob] = [await connect(), await connect()];
    const garden = await alice.createRoom({ policy: "request" });
    garden.onRequest((request) => request.approve());
    const door = await bob.openRoom(garden.rid);
    await within("Bob has the key", door.requestKey());
    const received = new Promise((resolve) => garden.on("large", ({ text }) => resolve(text.length)));

    // The error tells the exact size, which includes references, topic and event.
    const { detail } = await door.send("large", { text: "x".repeat(LIMIT) }).then(() => assert.fail("sent"), (error) => error);
    const [, size] = /^`large` is (\d+) bytes long; the server accepts at most 262144$/.exec(detail);
    const text = "x".repeat(2 * LIMIT - Number(size));
    await assert.rejects(door.send("large", { text: `${text}x` }), { reason: "too_large" });
    await within("it is sent", door.send("large", { text }));
    assert.equal(await within("Alice receives it", received), text.length);
    assert.equal(door.role, "member", "nobody was disconnected");
    // Each is below the limit, but together they exceed it.
    const several = Array.from({ length: 3 }, () => door.send("half", { text: "x".repeat(LIMIT / 2) }));
    await within("they are sent", Promise.all(several));
    await assert.rejects(door.sendSealed("large", { text }), { reason: "too_large" });
    await assert.rejects(door.send("large", new ArrayBuffer(LIMIT)), { reason: "too_large" });
    await within("the connection still works", door.send("small"));
  });
}
