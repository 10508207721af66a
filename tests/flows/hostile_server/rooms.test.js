/** The server confuses rooms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey, ridOf, signFields, toBase64url } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { HostileFixture } from "./fixture.js";

const fixture = new HostileFixture();
const TIMEOUT = { timeout: 60_000 };

/** A room of the server's own, as a response to `POST /v1/rooms`. */
async function serversRoom(card = { policy: "request", name: "Garden" }) {
  const key = await SigningKey.generate();
  const rid = await ridOf(key.alg, key.pub);
  const fields = { rid, version: 1, ...card };
  const sig = await signFields("card", fields, key);
  const room_pub = toBase64url(key.pub);
  return { rid, room_pub, room_key: toBase64url(key.private), card: { ...fields, room_pub, alg: key.alg, sig } };
}

/**
 * Alice has the server create a room, and accepts only what she requested.
 *
 * @param {(made: any) => any} swap
 * @param {object} error
 */
async function isRefused(swap, error) {
  const alice = await fixture.somebody().connect();
  const create = () => alice.client.createRoom({ policy: "request", name: "Garden", onServer: true });
  const rids = [];
  const stop = fixture.server.lie({
    async http(response) {
      if (response.method !== "POST" || response.path !== "/v1/rooms") return;
      rids.push(response.answer.rid);
      response.answer = await swap(response.answer);
      rids.push(response.answer.rid);
    },
  });
  await assert.rejects(create(), error);
  stop();
  assert.deepEqual(rids.map((rid) => alice.keyOf(rid)), [null, null]);
  assert.deepEqual(fixture.server.sentBy(alice.uid, "prove"), []);
  const garden = await create();
  assert.deepEqual([garden.role, garden.card.policy, garden.card.name], ["member", "request", "Garden"]);
}

const BAD_KEY = { reason: "bad_room", detail: "the key does not match the room's id" };

test("a created room with another room's key is refused", TIMEOUT, async () => {
  const { room_key } = await serversRoom();
  await isRefused((made) => ({ ...made, room_key }), BAD_KEY);
});

test("a created room with another room's rid is refused", TIMEOUT, async () => {
  const { rid } = await serversRoom();
  await isRefused((made) => ({ ...made, rid }), BAD_KEY);
});

test("a created room with another's rid and card is refused", TIMEOUT, async () => {
  const { garden } = await fixture.room();
  const { rid, card } = garden;
  await isRefused((made) => ({ ...made, rid, room_pub: card.room_pub, card }), BAD_KEY);
});

test("a created room with another room's card is refused", TIMEOUT, async () => {
  const { card } = await serversRoom();
  await isRefused((made) => ({ ...made, card }), { reason: "bad_card", detail: "it belongs to another room" });
});

test("a created room with another policy is refused", TIMEOUT, async () => {
  // The server made the key pair, so it can sign any card.
  const made = await serversRoom({ policy: "open", name: "Garden" });
  await isRefused(() => made, { reason: "bad_room", detail: "the room differs from what was requested" });
});

test("a created room with another name is refused", TIMEOUT, async () => {
  const made = await serversRoom({ policy: "request", name: "Cellar" });
  await isRefused(() => made, { reason: "bad_room", detail: "the room differs from what was requested" });
});

/** Replaces one room's topic by the other's on Bob's connection, in both directions. */
function swapTopics({ bob, rid, other }) {
  const [meant, real] = [`room:${rid}`, `room:${other}`];
  return fixture.server.lie({
    toServer(frame) {
      if (frame.topic === meant) frame.topic = real;
    },
    toClient(frame) {
      if (frame.topic === real) frame.topic = meant;
    },
  }, bob.uid);
}

async function begin() {
  const [wanted, foreign] = await Promise.all([fixture.room(), fixture.room()]);
  const bob = await fixture.somebody().connect();
  return { wanted, foreign, bob, rid: wanted.rid, other: foreign.rid };
}

test("a guest led to another room accepts nothing there", TIMEOUT, async () => {
  const scene = await begin();
  const { wanted, foreign, bob, rid } = scene;
  const stop = swapTopics(scene);
  const door = await bob.client.openRoom(rid);
  assert.deepEqual([bob.warnings, door.card], [["bad_card: it belongs to another room"], null]);
  await assert.rejects(within("Bob is response", door.requestKey()), { reason: "bad_sig" });
  assert.deepEqual([wanted, foreign].map(({ garden }) => garden.pending.length), [0, 0]);
  stop();
  await getsTheKey(scene);
});

test("a request moved to another room is not shown there", TIMEOUT, async () => {
  const scene = await begin();
  const { foreign, bob, rid, other } = scene;
  const { alice, garden } = foreign;
  await (await bob.client.openRoom(rid)).ask();
  // A server that does not check signatures can push the request to any room.
  const [frame] = fixture.server.sentBy(bob.uid, "request");
  const item = { ...frame, uid: bob.uid, state: "pending", created: Date.now(), seq: 1, approvals: 0 };
  const details = ["it is for another room", "the signature is invalid"];
  for (const [index, claimed] of [rid, other].entries()) {
    fixture.server.push(alice.uid, `room:${other}`, "request", { ...item, rid: claimed });
    await until("its member is warned", () => alice.warnings.length > index);
    assert.equal(alice.warnings[index], `bad_request: ${details[index]}`);
  }
  assert.deepEqual(garden.pending, []);
  await getsTheKey(scene);
});

test("a member led to another room proves nothing there", TIMEOUT, async () => {
  const scene = await begin();
  const { wanted, foreign } = scene;
  const carol = await fixture.member(wanted).connect();
  const stop = swapTopics({ ...scene, bob: carol });
  await assert.rejects(carol.client.openRoom(wanted.rid), { reason: "bad_proof" });
  assert.equal(fixture.server.sentBy(carol.uid, "prove").length, 1);
  const members = foreign.garden.presence.list((uid, { metas }) => [uid, metas[0].role]);
  assert.ok(!members.some(([uid, role]) => uid === carol.uid && role === "member"));
  stop();
  assert.equal((await carol.client.openRoom(wanted.rid)).role, "member");
});

test("an approve of another room brings Bob no key", TIMEOUT, async () => {
  const scene = await begin();
  const { foreign, bob, rid, other } = scene;
  const door = await bob.client.openRoom(rid);
  await door.ask();
  // Bob has a request there as well, and its member approves: the approve is valid, but only for
  // that room.
  const there = await bob.client.openRoom(other);
  await there.ask();
  const stop = fixture.server.lie({
    toClient(frame) {
      if (frame.event === "approve") frame.topic = `room:${rid}`;
    },
  }, bob.uid);
  const [shown] = await until("its member sees it", () => foreign.garden.pending.length && foreign.garden.pending);
  await shown.approve();
  await until("the approve has arrived", () => fixture.server.pushed("approve").some((approve) => approve.to === bob.uid));
  await bob.client.directory();
  assert.deepEqual([bob.keyOf(rid), bob.keyOf(other), fixture.server.sentBy(bob.uid, "ack")], [null, null, []]);
  stop();
  await getsTheKey(scene);
});

async function getsTheKey({ wanted, bob, rid }) {
  await bob.restart();
  const key = (await bob.client.openRoom(rid)).requestKey();
  const [request] = await until("Alice sees it", () => wanted.garden.pending.length && wanted.garden.pending);
  await request.approve();
  assert.deepEqual((await within("Bob has the key", key)).private, wanted.roomKey.private);
}
