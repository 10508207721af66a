/**
 * A device with a wrong clock and the released server, which reveals the time only by the expiry of
 * a challenge.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { MemoryStorage } from "vestibule-client";
import { PRESENT } from "../../flows/person.js";
import { Server, within } from "../../flows/support.js";
import { setClock } from "../clock.js";

const DAY_MS = 86_400_000;

test("devices three days ahead exchange a key", async (t) => {
  const server = await Server.begin();
  t.after(() => server.end());
  setClock(Date.now() + 3 * DAY_MS);
  const options = { transport: WebSocket, onWarning: () => {} };
  const connect = () => PRESENT.Vestibule.connect(server.url, { ...options, storage: new MemoryStorage() });
  const [alice, bob] = await Promise.all([connect(), connect()]);
  try {
    const garden = await alice.createRoom({ name: "Garden", policy: "request" });
    garden.onRequest((request) => request.approve());
    const door = await bob.openRoom(garden.rid);
    await within("Bob has the key", door.requestKey());
  } finally {
    await Promise.all([alice.disconnect(), bob.disconnect()]);
  }
});
