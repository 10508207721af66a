/** The rooms of the released folder. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { checkCard } from "vestibule-client/protocol";
import { LongPoll } from "phoenix";
import { ReleasedFolder, TRUTH } from "./folder.js";

const { rooms, users } = TRUTH;

for (const [policy, room] of Object.entries(rooms)) {
  test(`the ${policy} room has its card, creator and key`, async (t) => {
    const server = await ReleasedFolder.open(t);
    const { proven } = await server.member(room);
    assert.equal(proven.role, "member");
    const { version, policy: stored, name, alg } = await checkCard(proven.card, room.rid);
    assert.deepEqual([version, stored, name, alg], [1, policy, `The ${policy} room`, room.alg]);
    const { created_by, waiting } = await server.adminGet(`rooms/${room.rid}`);
    assert.deepEqual([created_by, waiting], [users.alice.uid, policy === "request" ? 5 : 0]);
    assert.equal(proven.creator, users.alice.uid);
  });
}

test("the directory lists the same rooms", async (t) => {
  const server = await ReleasedFolder.open(t);
  const listed = await (await fetch(`${server.url}/v1/rooms`)).json();
  assert.deepEqual(listed.rooms.map(({ rid }) => rid), [rooms.open.rid, rooms.request.rid]);
  assert.equal(listed.after, null);
  for (const room of [rooms.open, rooms.request]) assert.equal((await server.member(room)).proven.listed, true);

  const options = { storage: new MemoryStorage(), server: TRUTH.server, transport: LongPoll };
  const bob = server.hosts(await Vestibule.connect(server.url, options));
  const { rooms: [request, ...others] } = await bob.directory({ policy: "request" });
  assert.deepEqual([request.rid, request.name, others], [rooms.request.rid, "The request room", []]);
});

test("the secret room is hidden", async (t) => {
  const server = await ReleasedFolder.open(t);
  assert.equal((await fetch(`${server.url}/v1/rooms/${rooms.secret.rid}`)).status, 404);
  const stranger = await server.signIn("done");
  const { joined } = await stranger.join(`room:${rooms.secret.rid}`);
  assert.deepEqual([joined.card, joined.mine, joined.approves], [undefined, [], []]);
});

test("Alice may change her room's policy and name", async (t) => {
  const server = await ReleasedFolder.open(t);
  const alice = await server.member(rooms.request);
  const card = { version: 2, policy: "open", name: "The opened room" };
  assert.equal((await alice.publish(card)).version, 2);
  const { joined } = await server.newcomer("pending");
  assert.deepEqual([joined.card.policy, joined.card.name], ["open", "The opened room"]);
  const mallory = await server.member(rooms.request, "mallory");
  await assert.rejects(mallory.publish({ ...card, version: 3, policy: "secret" }), { reason: "not_creator" });
});
