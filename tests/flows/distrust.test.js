/** What the reference client does not believe, and what it does when the flow takes another turn. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { SigningKey, fromBase64url } from "vestibule-client/protocol";
import WebSocket from "ws";
import { PlainUser, next, reply } from "./plain.js";
import { Server, until, within } from "./support.js";

let server;
const clients = [];
before(async () => (server = await Server.begin()));
after(async () => {
  await Promise.all(clients.map((client) => client.disconnect()));
  await server.end();
});

async function connect(storage = new MemoryStorage()) {
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning);
  const client = await Vestibule.connect(server.url, { storage, transport: WebSocket, onWarning });
  clients.push(client);
  return { client, storage, warnings };
}

async function begin(policy = "request") {
  const alice = await connect();
  const garden = await alice.client.createRoom({ name: "Garden", policy });
  const stored = JSON.parse(alice.storage.get(`room/${garden.rid}/key`));
  return { alice, garden, roomKey: await SigningKey.fromPrivate(stored.alg, fromBase64url(stored.private)) };
}

test("a member's bad approve is neither taken nor acked, and a good one after it is", { timeout: 30_000 }, async () => {
  const { garden, roomKey } = await begin();
  const mallory = await PlainUser.connect(server);
  clients.push(mallory);
  const { channel, joined } = await mallory.join(`room:${garden.rid}`);
  await mallory.prove(channel, joined.nonce, roomKey);

  const bob = await connect();
  const door = await bob.client.openRoom(garden.rid);
  const requested = next(channel, "request");
  const key = door.requestKey();
  const request = await requested;
  const { private: wrong } = await SigningKey.generate();
  await reply(channel.push("approve", await mallory.approve(request, fromBase64url(request.box_pub), roomKey, wrong)));
  await until("Bob is warned", () => bob.warnings.length > 0);
  assert.deepEqual(bob.warnings.map(String), ["VestibuleError: bad_approve: the key does not match the room's id"]);
  assert.equal(bob.storage.get(`room/${garden.rid}/key`), null);

  const [shown] = await until("Alice still sees the request", () => garden.pending.length && garden.pending);
  await shown.approve();
  assert.deepEqual((await within("Bob has the key", key)).private, roomKey.private);
});

test("a request that is withdrawn is gone for members, and can be made anew", { timeout: 30_000 }, async () => {
  const { garden } = await begin();
  const gone = [];
  garden.onRequestGone((request) => gone.push(request));
  const door = await (await connect()).client.openRoom(garden.rid);
  const key = door.requestKey({ note: "first" });
  key.catch(() => {});
  await until("Alice sees it", () => garden.pending.length === 1);
  await door.withdraw();
  await assert.rejects(within("the wait ends", key), { reason: "withdrawn" });
  await until("it is gone", () => gone.length > 0);
  assert.deepEqual([gone[0].state, garden.pending], ["withdrawn", []]);

  garden.onRequest((request) => request.approve());
  await within("Bob has the key", door.requestKey({ note: "second" }));
});

test("a second member helps, and knows that one has approved", { timeout: 30_000 }, async () => {
  const { alice, garden } = await begin();
  const carol = await connect();
  carol.storage.set(`room/${garden.rid}/key`, alice.storage.get(`room/${garden.rid}/key`));
  const hers = await carol.client.openRoom(garden.rid);
  const gone = [];
  hers.onRequestGone((request) => gone.push(request));

  const bob = await connect();
  const door = await bob.client.openRoom(garden.rid);
  const { requestId } = await door.ask();
  await bob.client.disconnect();
  for (const room of [garden, hers]) await until("a member sees it", () => room.pending.length === 1);
  await garden.pending[0].approve();
  await until("Carol is told", () => gone.length > 0);
  assert.deepEqual([gone[0].requestId, gone[0].state, gone[0].by], [requestId, "approved", alice.client.uid]);
  assert.equal((await hers.pending[0].approve()).dup, false);

  const again = await connect(bob.storage);
  await within("Bob has the key", (await again.client.openRoom(garden.rid)).whenKey());
  await until("Carol is told of the end", () => gone.some(({ state }) => state === "done"));
});

test("an open room is in the directory, a secret one takes no requests", { timeout: 30_000 }, async () => {
  const { alice, garden } = await begin("open");
  await garden.publishCard({ listed: true });
  const listed = [];
  let after;
  do {
    const page = await alice.client.directory({ policy: "open", after });
    listed.push(...page.rooms);
    after = page.after;
  } while (after);
  assert.ok(listed.some(({ rid, name }) => rid === garden.rid && name === "Garden"));

  const secret = await alice.client.createRoom({ policy: "secret" });
  assert.equal((await fetch(`${server.url}/v1/rooms/${secret.rid}`)).status, 404);
  const door = await (await connect()).client.openRoom(secret.rid);
  assert.equal(door.card, null);
  await assert.rejects(door.requestKey(), { reason: "unknown_room" });
});
