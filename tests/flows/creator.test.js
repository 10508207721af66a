/** What only a room's creator may do, with reference clients and the real server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey, fromBase64url } from "vestibule-client/protocol";
import { Fixture, roomKeyIn, storageOfMember } from "./fixture.js";
import { next, reply } from "./phoenix_user.js";
import { until, within } from "./support.js";

const TIMEOUT = { timeout: 30_000 };
const GARBAGE = 3;

const fixture = new Fixture();

/** Alice's room, with Bob as a member. */
async function begin(policy = "request") {
  const alice = await fixture.connect();
  const garden = await alice.client.createRoom({ name: "Garden", policy });
  const bob = await fixture.connect({ storage: storageOfMember(alice.storage, garden.rid) });
  return { alice, garden, bob, bobsRoom: await bob.client.openRoom(garden.rid) };
}

test("members know the creator, guests do not", TIMEOUT, async () => {
  const { alice, garden, bobsRoom } = await begin();
  const { uid } = alice.client;
  assert.deepEqual([garden, bobsRoom].map(({ creator, isCreator }) => [creator, isCreator]), [[uid, true], [uid, false]]);
  const door = await (await fixture.connect()).client.openRoom(garden.rid);
  assert.deepEqual([door.creator, door.isCreator], [undefined, false]);
});

test("only the creator may change more than the name", TIMEOUT, async () => {
  const { garden, bobsRoom } = await begin();
  assert.equal(bobsRoom.listed, false);
  for (const change of [{ policy: "open" }, { policy: "secret" }, { listed: true }]) {
    await assert.rejects(bobsRoom.publishCard(change), { reason: "not_creator" });
  }
  await bobsRoom.publishCard({ name: "Cellar" });
  await until("Alice has the name", () => garden.card.name === "Cellar");
  const { policy, name } = await garden.publishCard({ policy: "open", listed: true });
  assert.deepEqual([policy, name, garden.listed], ["open", "Cellar", true]);
  await until("Bob has the policy", () => bobsRoom.card.policy === "open");
});

test("a hand-over is reported and durable", TIMEOUT, async () => {
  const { alice, garden, bob, bobsRoom } = await begin();
  await assert.rejects(bobsRoom.handOver(bob.client.uid), { reason: "not_creator" });
  const reported = new Promise((resolve) => bobsRoom.onCreator(resolve));
  await garden.handOver(bob.client.uid);
  assert.equal(await within("Bob is reported", reported), bob.client.uid);
  assert.deepEqual([garden.isCreator, bobsRoom.isCreator], [false, true]);
  await garden.handOver(bob.client.uid);
  await assert.rejects(garden.publishCard({ policy: "open" }), { reason: "not_creator" });
  await bobsRoom.publishCard({ policy: "open" });

  await alice.client.disconnect();
  const back = await (await fixture.connect({ storage: alice.storage })).client.openRoom(garden.rid);
  assert.deepEqual([back.creator, back.isCreator], [bob.client.uid, false]);
});

test("many bad approves do not stop the creator's approver", TIMEOUT, async () => {
  const { alice, garden, bob } = await begin("open");
  await Promise.all([alice, bob].map(({ client }) => client.disconnect()));
  const carol = await fixture.connect();
  const { requestId } = await (await carol.client.openRoom(garden.rid)).ask();
  await carol.client.disconnect();

  const roomKey = await roomKeyIn(alice.storage, garden.rid);
  for (let count = 0; count < GARBAGE; count += 1) {
    const mallory = await fixture.connectPhoenix();
    const { channel, joined } = await mallory.join(`room:${garden.rid}`);
    const { pending: [request] } = await mallory.prove(channel, joined.nonce, roomKey);
    assert.equal(request.approvals, count);
    const { private: wrong } = await SigningKey.generate();
    await reply(channel.push("approve", await mallory.approve(request, fromBase64url(request.box_pub), roomKey, wrong)));
  }

  const observer = await fixture.connectPhoenix();
  const { channel, joined } = await observer.join(`room:${garden.rid}`);
  await observer.prove(channel, joined.nonce, roomKey);
  const gone = next(channel, "request_gone");
  (await (await fixture.connect({ storage: alice.storage })).client.openRoom(garden.rid)).autoApprove();
  const { request_id, by, approvals } = await within("Alice approves", gone);
  assert.deepEqual([request_id, by, approvals], [requestId, alice.client.uid, GARBAGE + 1]);
  const back = await fixture.connect({ storage: carol.storage });
  const opened = await within("Carol has the key", (await back.client.openRoom(garden.rid)).whenKey());
  assert.deepEqual(opened.private, roomKey.private);
});
