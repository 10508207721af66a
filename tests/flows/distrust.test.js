/** What the reference client refuses to believe, and less common courses of the flow. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey, fromBase64url } from "vestibule-client/protocol";
import { Fixture, roomKeyIn, storageOfMember } from "./fixture.js";
import { next, reply } from "./phoenix_user.js";
import { until, within } from "./support.js";

const fixture = new Fixture();

async function begin(policy = "request") {
  const alice = await fixture.connect();
  const garden = await alice.client.createRoom({ name: "Garden", policy });
  return { alice, garden, roomKey: await roomKeyIn(alice.storage, garden.rid) };
}

test("a bad approve is refused and a later good one accepted", { timeout: 30_000 }, async () => {
  const { garden, roomKey } = await begin();
  const mallory = await fixture.connectPhoenix();
  const { channel, joined } = await mallory.join(`room:${garden.rid}`);
  await mallory.prove(channel, joined.nonce, roomKey);

  const bob = await fixture.connect();
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

test("a withdrawn request is gone and can be made again", { timeout: 30_000 }, async () => {
  const { garden } = await begin();
  const gone = [];
  garden.onRequestGone((request) => gone.push(request));
  const door = await (await fixture.connect()).client.openRoom(garden.rid);
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

test("a second member sees the first approve and can approve", { timeout: 30_000 }, async () => {
  const { alice, garden } = await begin();
  const carol = await fixture.connect({ storage: storageOfMember(alice.storage, garden.rid) });
  const carolsRoom = await carol.client.openRoom(garden.rid);
  const gone = [];
  carolsRoom.onRequestGone((request) => gone.push(request));

  const bob = await fixture.connect();
  const door = await bob.client.openRoom(garden.rid);
  const { requestId } = await door.ask();
  await bob.client.disconnect();
  for (const room of [garden, carolsRoom]) await until("a member sees it", () => room.pending.length === 1);
  await garden.pending[0].approve();
  await until("Carol is told", () => gone.length > 0);
  assert.deepEqual([gone[0].requestId, gone[0].state, gone[0].by], [requestId, "approved", alice.client.uid]);
  assert.equal((await carolsRoom.pending[0].approve()).dup, false);

  const again = await fixture.connect({ storage: bob.storage });
  await within("Bob has the key", (await again.client.openRoom(garden.rid)).whenKey());
  await until("Carol is told of the end", () => gone.some(({ state }) => state === "done"));
});

test("a listed open room is found, a secret one is hidden", { timeout: 30_000 }, async () => {
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
  assert.equal((await fetch(`${fixture.server.url}/v1/rooms/${secret.rid}`)).status, 404);
  const door = await (await fixture.connect()).client.openRoom(secret.rid);
  assert.equal(door.card, null);
  await assert.rejects(door.requestKey(), { reason: "unknown_room" });
});
