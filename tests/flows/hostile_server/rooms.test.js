/** The server answers as if for another room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey, ridOf, signFields, toBase64url } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { Stage } from "./stage.js";

const stage = new Stage();
const TIMEOUT = { timeout: 60_000 };

/** A room that the server has made for itself, as it would answer `POST /v1/rooms` with it. */
async function ownRoom(card = { policy: "request", name: "Garden" }) {
  const key = await SigningKey.generate();
  const rid = await ridOf(key.alg, key.pub);
  const fields = { rid, version: 1, ...card };
  const sig = await signFields("card", fields, key);
  const room_pub = toBase64url(key.pub);
  return { rid, room_pub, room_key: toBase64url(key.private), card: { ...fields, room_pub, alg: key.alg, sig } };
}

/**
 * Alice has the server make a room, and takes none but what she asked for.
 *
 * @param {(made: any) => any} swap
 * @param {object} error
 */
async function isRefused(swap, error) {
  const alice = await stage.somebody().connect();
  const create = () => alice.client.createRoom({ policy: "request", name: "Garden", onServer: true });
  const rids = [];
  const stop = stage.server.lie({
    async http(told) {
      if (told.method !== "POST" || told.path !== "/v1/rooms") return;
      rids.push(told.answer.rid);
      told.answer = await swap(told.answer);
      rids.push(told.answer.rid);
    },
  });
  await assert.rejects(create(), error);
  stop();
  assert.deepEqual(rids.map((rid) => alice.keyOf(rid)), [null, null]);
  assert.deepEqual(stage.server.said(alice.uid, "prove"), []);
  const garden = await create();
  assert.deepEqual([garden.role, garden.card.policy, garden.card.name], ["member", "request", "Garden"]);
}

const BAD_KEY = { reason: "bad_room", detail: "the key does not match the room's id" };

test("a made room with the key of another room", TIMEOUT, async () => {
  const { room_key } = await ownRoom();
  await isRefused((made) => ({ ...made, room_key }), BAD_KEY);
});

test("a made room with the rid of another room", TIMEOUT, async () => {
  const { rid } = await ownRoom();
  await isRefused((made) => ({ ...made, rid }), BAD_KEY);
});

test("a made room with a room's rid and card, and the key of another", TIMEOUT, async () => {
  const { garden } = await stage.room();
  const { rid, card } = garden;
  await isRefused((made) => ({ ...made, rid, room_pub: card.room_pub, card }), BAD_KEY);
});

test("a made room with the card of another room", TIMEOUT, async () => {
  const { card } = await ownRoom();
  await isRefused((made) => ({ ...made, card }), { reason: "bad_card", detail: "it belongs to another room" });
});

test("a made room with another policy than asked for", TIMEOUT, async () => {
  // Who makes the pair can sign what it likes.
  const made = await ownRoom({ policy: "open", name: "Garden" });
  await isRefused(() => made, { reason: "bad_room", detail: "the room differs from what was requested" });
});

test("a made room with another name than asked for", TIMEOUT, async () => {
  const made = await ownRoom({ policy: "request", name: "Cellar" });
  await isRefused(() => made, { reason: "bad_room", detail: "the room differs from what was requested" });
});

/** Bob's connection has one room's topic for the other's, on the way there and back. */
function confuse({ bob, rid, other }) {
  const [meant, real] = [`room:${rid}`, `room:${other}`];
  return stage.server.lie({
    toServer(frame) {
      if (frame.topic === meant) frame.topic = real;
    },
    toClient(frame) {
      if (frame.topic === real) frame.topic = meant;
    },
  }, bob.uid);
}

async function begin() {
  const [wanted, strange] = await Promise.all([stage.room(), stage.room()]);
  const bob = await stage.somebody().connect();
  return { wanted, strange, bob, rid: wanted.rid, other: strange.rid };
}

test("a guest who is led to another room is not shown its card, and asks nothing there", TIMEOUT, async () => {
  const scene = await begin();
  const { wanted, strange, bob, rid } = scene;
  const stop = confuse(scene);
  const door = await bob.client.openRoom(rid);
  assert.deepEqual([bob.warnings, door.card], [["bad_card: it belongs to another room"], null]);
  await assert.rejects(within("Bob is told", door.requestKey()), { reason: "bad_sig" });
  assert.deepEqual([wanted, strange].map(({ garden }) => garden.pending.length), [0, 0]);
  stop();
  await isLetIn(scene);
});

test("a request that is stored for another room is shown to nobody there", TIMEOUT, async () => {
  const scene = await begin();
  const { strange, bob, rid, other } = scene;
  const { alice, garden } = strange;
  await (await bob.client.openRoom(rid)).ask();
  // What a server can do that does not check signatures: it has the request, and shows it where it likes.
  const [frame] = stage.server.said(bob.uid, "request");
  const item = { ...frame, uid: bob.uid, state: "pending", created: Date.now(), seq: 1, approvals: 0 };
  const details = ["it is for another room", "the signature is invalid"];
  for (const [index, claimed] of [rid, other].entries()) {
    stage.server.push(alice.uid, `room:${other}`, "request", { ...item, rid: claimed });
    await until("its member is warned", () => alice.warnings.length > index);
    assert.equal(alice.warnings[index], `bad_request: ${details[index]}`);
  }
  assert.deepEqual(garden.pending, []);
  await isLetIn(scene);
});

test("a member who is led to another room proves nothing there", TIMEOUT, async () => {
  const scene = await begin();
  const { wanted, strange } = scene;
  const carol = await stage.member(wanted).connect();
  const stop = confuse({ ...scene, bob: carol });
  await assert.rejects(carol.client.openRoom(wanted.rid), { reason: "bad_proof" });
  assert.equal(stage.server.said(carol.uid, "prove").length, 1);
  const members = strange.garden.presence.list((uid, { metas }) => [uid, metas[0].role]);
  assert.ok(!members.some(([uid, role]) => uid === carol.uid && role === "member"));
  stop();
  assert.equal((await carol.client.openRoom(wanted.rid)).role, "member");
});

test("an approve of the room that Bob was led to is none of his", TIMEOUT, async () => {
  const scene = await begin();
  const { strange, bob, rid, other } = scene;
  const door = await bob.client.openRoom(rid);
  await door.ask();
  // He has asked there as well, and its member approves: good in itself, and for that room only.
  const there = await bob.client.openRoom(other);
  await there.ask();
  const stop = stage.server.lie({
    toClient(frame) {
      if (frame.event === "approve") frame.topic = `room:${rid}`;
    },
  }, bob.uid);
  const [shown] = await until("its member is shown it", () => strange.garden.pending.length && strange.garden.pending);
  await shown.approve();
  await until("it has come", () => stage.server.heard("approve").some((approve) => approve.to === bob.uid));
  await bob.client.directory();
  assert.deepEqual([bob.keyOf(rid), bob.keyOf(other), stage.server.said(bob.uid, "ack")], [null, null, []]);
  stop();
  await isLetIn(scene);
});

async function isLetIn({ wanted, bob, rid }) {
  await bob.comeBack();
  const key = (await bob.client.openRoom(rid)).requestKey();
  const [request] = await until("Alice is shown it", () => wanted.garden.pending.length && wanted.garden.pending);
  await request.approve();
  assert.deepEqual((await within("Bob has the key", key)).private, wanted.roomKey.private);
}
