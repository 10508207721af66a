/** What a room's creator alone may do, with reference clients and the real server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { SigningKey, fromBase64url } from "vestibule-client/protocol";
import WebSocket from "ws";
import { PlainUser, next, reply } from "./plain.js";
import { Server, until, within } from "./support.js";

const TIMEOUT = { timeout: 30_000 };
const GARBAGE = 3;

let server;
const clients = [];
before(async () => (server = await Server.begin()));
after(async () => {
  await Promise.all(clients.map((client) => client.disconnect()));
  await server.end();
});

async function connect(storage = new MemoryStorage()) {
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning.message);
  const client = await Vestibule.connect(server.url, { storage, transport: WebSocket, onWarning });
  clients.push(client);
  return { client, storage, warnings };
}

/** Alice's room, and Bob, who is a member of it. */
async function begin(policy = "request") {
  const alice = await connect();
  const garden = await alice.client.createRoom({ name: "Garden", policy });
  const key = `room/${garden.rid}/key`;
  const storage = new MemoryStorage();
  storage.set(key, alice.storage.get(key));
  const bob = await connect(storage);
  return { alice, garden, bob, his: await bob.client.openRoom(garden.rid), key };
}

test("the creator is known to every member, and to no guest", TIMEOUT, async () => {
  const { alice, garden, his } = await begin();
  const { uid } = alice.client;
  assert.deepEqual([garden, his].map(({ creator, isCreator }) => [creator, isCreator]), [[uid, true], [uid, false]]);
  const door = await (await connect()).client.openRoom(garden.rid);
  assert.deepEqual([door.creator, door.isCreator], [undefined, false]);
});

test("only the creator changes policy and listing, any member the name", TIMEOUT, async () => {
  const { garden, his } = await begin();
  assert.equal(his.listed, false);
  for (const change of [{ policy: "open" }, { policy: "secret" }, { listed: true }]) {
    await assert.rejects(his.publishCard(change), { reason: "not_creator" });
  }
  await his.publishCard({ name: "Cellar" });
  await until("Alice has the name", () => garden.card.name === "Cellar");
  const { policy, name } = await garden.publishCard({ policy: "open", listed: true });
  assert.deepEqual([policy, name, garden.listed], ["open", "Cellar", true]);
  await until("Bob has the policy", () => his.card.policy === "open");
});

test("a hand-over is told, and outlasts the connection", TIMEOUT, async () => {
  const { alice, garden, bob, his } = await begin();
  await assert.rejects(his.handOver(bob.client.uid), { reason: "not_creator" });
  const told = new Promise((resolve) => his.onCreator(resolve));
  await garden.handOver(bob.client.uid);
  assert.equal(await within("Bob is told", told), bob.client.uid);
  assert.deepEqual([garden.isCreator, his.isCreator], [false, true]);
  await garden.handOver(bob.client.uid);
  await assert.rejects(garden.publishCard({ policy: "open" }), { reason: "not_creator" });
  await his.publishCard({ policy: "open" });

  await alice.client.disconnect();
  const back = await (await connect(alice.storage)).client.openRoom(garden.rid);
  assert.deepEqual([back.creator, back.isCreator], [bob.client.uid, false]);
});

test("the creator's automatic approver is not outnumbered", TIMEOUT, async () => {
  const { alice, garden, bob, key } = await begin("open");
  await Promise.all([alice, bob].map(({ client }) => client.disconnect()));
  const carol = await connect();
  const { requestId } = await (await carol.client.openRoom(garden.rid)).ask();
  await carol.client.disconnect();

  const stored = JSON.parse(alice.storage.get(key));
  const roomKey = await SigningKey.fromPrivate(stored.alg, fromBase64url(stored.private));
  for (let count = 0; count < GARBAGE; count += 1) {
    const mallory = await PlainUser.connect(server);
    clients.push(mallory);
    const { channel, joined } = await mallory.join(`room:${garden.rid}`);
    const { pending: [request] } = await mallory.prove(channel, joined.nonce, roomKey);
    assert.equal(request.approvals, count);
    const { private: wrong } = await SigningKey.generate();
    await reply(channel.push("approve", await mallory.approve(request, fromBase64url(request.box_pub), roomKey, wrong)));
  }

  const watching = await PlainUser.connect(server);
  clients.push(watching);
  const { channel, joined } = await watching.join(`room:${garden.rid}`);
  await watching.prove(channel, joined.nonce, roomKey);
  const gone = next(channel, "request_gone");
  (await (await connect(alice.storage)).client.openRoom(garden.rid)).autoApprove();
  const { request_id, by, approvals } = await within("Alice approves", gone);
  assert.deepEqual([request_id, by, approvals], [requestId, alice.client.uid, GARBAGE + 1]);
  const back = await connect(carol.storage);
  const opened = await within("Carol has the key", (await back.client.openRoom(garden.rid)).whenKey());
  assert.deepEqual(opened.private, roomKey.private);
});
