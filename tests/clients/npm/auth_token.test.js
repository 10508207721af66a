/**
 * phoenix.js 1.8's token reaches the server over both transports: as a subprotocol and as a header.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { V2 } from "./clients.js";
import { Playground } from "./playground.js";
import { Visitor } from "./visitor.js";

/** Its base64 contains `+`, `/` and padding, the characters in which variants of base64 differ. */
const TOKEN = "token: <~~>~?>";

for (const name of ["phoenix 1.8.16", "@supabase/phoenix 0.4.5"]) {
  const exports = V2[name];
  for (const transport of [WebSocket, exports.LongPoll]) {
    test(`${name} sends its token over ${transport.name}`, { timeout: 60_000 }, () => assertToken(exports, transport));
  }
}

async function assertToken(exports, transport) {
  const playground = await Playground.begin();
  const options = { transport, authToken: () => TOKEN, params: { user_id: "alice" } };
  const alice = new Visitor(exports, playground.authSocketUrl, options);
  try {
    const room = alice.channel("room:1");
    await room.join();
    const me = await room.push("whoami");
    assert.equal(me.auth_token, TOKEN);
    assert.equal(me.connect_params.user_id, "alice");
    assert.equal(me.transport, transport === WebSocket ? "websocket" : "longpoll");
  } finally {
    await alice.disconnect();
    await playground.end();
  }
}
