/**
 * Features that this repository's client does without, or refuses, if the server is the released
 * one.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { MemoryStorage } from "vestibule-client";
import { PRESENT } from "../../flows/person.js";
import { Server, until, within } from "../../flows/support.js";

/** More than any server accepts in one message. */
const HUGE = "a".repeat(300 * 1024);

let server, alice, bob;
const warnings = [];
before(async () => {
  server = await Server.begin();
  const onWarning = (warning) => warnings.push(String(warning));
  const connect = () => {
    return PRESENT.Vestibule.connect(server.url, { storage: new MemoryStorage(), transport: WebSocket, onWarning });
  };
  [alice, bob] = await Promise.all([connect(), connect()]);
});
after(async () => {
  await Promise.all([alice, bob].map((client) => client.disconnect()));
  await server.end();
  assert.deepEqual(warnings, []);
});

/** A room of Alice's, of which Bob is a member. */
async function begin(options = {}) {
  const garden = await alice.createRoom({ name: "Garden", policy: "request", ...options });
  garden.onRequest((request) => request.approve());
  const door = await bob.openRoom(garden.rid);
  await within("Bob has the key", door.requestKey());
  await until("Bob is a member", () => door.role === "member");
  return { garden, door };
}

async function isListed(rid) {
  return (await (await fetch(`${server.url}/v1/rooms?limit=100`)).json()).rooms.some((card) => card.rid === rid);
}

test("the creator of a room is unknown", async () => {
  const { garden } = await begin();
  assert.deepEqual([garden.creator, garden.isCreator], [undefined, false]);
});

test("a hand-over is refused without sending anything", async () => {
  const { garden, door } = await begin();
  const received = [];
  for (const event of ["hand_over", "hello"]) door.on(event, () => received.push(event));
  await assert.rejects(garden.handOver(bob.uid), { reason: "unsupported" });
  await garden.send("hello");
  await until("Bob hears of Alice", () => received.length > 0);
  assert.deepEqual(received, ["hello"]);
});

test("all rooms are in the directory, listed or not", async () => {
  for (const listed of [true, false]) {
    for (const onServer of [true, false]) {
      const { garden } = await begin({ listed, onServer });
      assert.ok(await isListed(garden.rid));
      await garden.publishCard({ listed: !listed });
      assert.ok(await isListed(garden.rid));
    }
  }
});

test("every member may change the policy", async () => {
  const { garden, door } = await begin();
  await door.publishCard({ policy: "open" });
  await until("Alice sees it", () => garden.card.policy === "open");
});

test("a message that is too large is refused unsent", async () => {
  const { door } = await begin();
  await assert.rejects(door.send("hello", { text: HUGE }), { reason: "too_large" });
  assert.equal(door.role, "member");
});
