/** The released client, which knows no creators, can be a room's creator. */
import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { MemoryStorage } from "vestibule-client";
import { PRESENT } from "../../flows/person.js";
import { Server, until, within } from "../../flows/support.js";
import { RELEASED } from "../client.js";

test("a room can be handed over to a released client", async (t) => {
  const server = await Server.begin();
  t.after(() => server.end());
  const warnings = [];
  const onWarning = (warning) => warnings.push(String(warning));
  const connect = ({ Vestibule }) => {
    return Vestibule.connect(server.url, { storage: new MemoryStorage(), transport: WebSocket, onWarning });
  };
  const [alice, bob] = await Promise.all([PRESENT, RELEASED].map(connect));
  try {
    const garden = await alice.createRoom({ name: "Garden", policy: "request" });
    garden.onRequest((request) => request.approve());
    const door = await bob.openRoom(garden.rid);
    await within("Bob has the key", door.requestKey());
    await garden.handOver(bob.uid);
    await assert.rejects(garden.publishCard({ policy: "secret" }), { reason: "not_creator" });
    await door.publishCard({ name: "Garden", policy: "open" });
    await until("Alice sees it", () => garden.card.policy === "open");
    assert.deepEqual(warnings, []);
  } finally {
    await Promise.all([alice.disconnect(), bob.disconnect()]);
  }
});
