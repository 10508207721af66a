/** The token of phoenix.js 1.8 reaches the server by both transports: as a sub-protocol, and as a header. */
import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { V2 } from "./clients.js";
import { Playground } from "./playground.js";
import { Visitor } from "./visitor.js";

/** In base64 this has `+`, `/` and padding: the characters on which variants of base64 differ. */
const TOKEN = "token: <~~>~?>";

for (const name of ["phoenix 1.8.16", "@supabase/phoenix 0.4.5"]) {
  const exports = V2[name];
  for (const transport of [WebSocket, exports.LongPoll]) {
    test(`${name} shows its token over ${transport.name}`, { timeout: 60_000 }, () => showToken(exports, transport));
  }
}

async function showToken(exports, transport) {
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
