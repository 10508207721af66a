/**
 * If WebSockets are blocked, phoenix.js 1.8 falls back to long poll: at once if the upgrade is
 * refused, after `longPollFallbackMs` if it is not answered.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { V2 } from "./clients.js";
import { Playground } from "./playground.js";
import { Gateway } from "./gateway.js";
import { Visitor } from "./visitor.js";

for (const name of ["phoenix 1.8.16", "@supabase/phoenix 0.4.5"]) {
  for (const manner of ["refuse", "swallow"]) {
    test(`${name} falls back to long poll: ${manner}`, { timeout: 60_000 }, () =>
      fallBack(V2[name], manner),
    );
  }
}

async function fallBack(exports, manner) {
  const playground = await Playground.begin();
  const gateway = await Gateway.begin(playground.port, manner);
  const options = { transport: WebSocket, longPollFallbackMs: 300 };
  const alice = new Visitor(exports, gateway.socketUrl, options);
  try {
    const room = alice.channel("room:1", { from: "Alice" });
    assert.deepEqual(await room.join(), { from: "Alice" });
    assert.equal((await room.push("whoami")).transport, "longpoll");
    assert.ok(gateway.upgrades > 0, "a WebSocket was tried first");
  } finally {
    await alice.disconnect();
    await gateway.end();
    await playground.end();
  }
}
