/** An address that connects too fast: an unmodified phoenix.js retries and is accepted later. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LongPoll, Socket } from "phoenix";
import WebSocket from "ws";
import { Server, within } from "./support.js";

let server;
const limits = ["--max-connects-per-second", "2", "--max-connects-at-once", "1"];
before(async () => (server = await Server.begin(() => limits)));
after(() => server.end());

for (const [name, transport] of [["a WebSocket", WebSocket], ["long poll", LongPoll]]) {
  test(`a client that is too fast connects in the end: ${name}`, { timeout: 60_000 }, async (t) => {
    let refusals = 0;
    const connect = () => {
      const socket = new Socket(`${server.url}/socket`, { transport });
      t.after(() => socket.disconnect());
      const connected = new Promise((resolve) => socket.onOpen(resolve));
      socket.onError(() => refusals++);
      socket.connect();
      return connected;
    };
    await within("all are connected", Promise.all([connect(), connect(), connect()]));
    assert.ok(refusals > 0, "no connection was refused");
  });
}
