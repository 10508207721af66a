/** Signing in at a server that would be somebody else with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlainUser, reply } from "../plain.js";
import { Server } from "../support.js";
import { Stage } from "./stage.js";

const stage = new Stage();
const TIMEOUT = { timeout: 60_000 };

/** Calls, sockets or both go to another server, under its own name. */
function relay(url, isRelayed) {
  return stage.server.lie({
    route(asked) {
      if (isRelayed(asked.path)) Object.assign(asked, { url, headers: { ...asked.headers, host: new URL(url).host } });
    },
  });
}

/** Once the server is honest, the same device signs in. */
async function signsIn(bob) {
  await bob.connect();
  const door = await bob.client.openRoom((await stage.room()).rid);
  await door.ask();
  assert.deepEqual(bob.warnings, []);
}

test("a sign-in is signed for the name that was meant, whatever the challenge says", TIMEOUT, async () => {
  const bob = stage.somebody();
  const told = [];
  const stop = stage.server.lie({
    http({ path, answer }) {
      if (path !== "/v1/challenge") return;
      told.push(answer.server);
      answer.server = "bank.example";
    },
  });
  await signsIn(bob);
  assert.ok(told.length > 0);
  stop();
});

test("a sign-in that is relayed to another server is worthless there", TIMEOUT, async () => {
  const other = await Server.begin();
  try {
    const bob = stage.somebody();
    const stop = relay(other.url, (path) => path.startsWith("/v1/"));
    await assert.rejects(bob.connect(), { reason: "bad_sig" });
    stop();
    await signsIn(bob);
  } finally {
    await other.end();
  }
});

test("a proof that is relayed to another name is worthless there", TIMEOUT, async () => {
  const { alice, garden } = await stage.room();
  const carol = await stage.member({ alice, rid: garden.rid });
  // The same server by its own name: it knows the room, and Carol's token is good there.
  const stop = relay(stage.server.realUrl, (path) => path.startsWith("/socket"));
  await carol.connect();
  await assert.rejects(carol.client.openRoom(garden.rid), { reason: "bad_proof" });
  await carol.client.disconnect();
  stop();
  await carol.connect();
  assert.equal((await carol.client.openRoom(garden.rid)).role, "member");
});

test("a proof of the nonce of somebody else's join lets nobody in", TIMEOUT, async () => {
  const { alice, garden } = await stage.room();
  const topic = `room:${garden.rid}`;
  const carol = await stage.member({ alice, rid: garden.rid }).connect();
  const stranger = await PlainUser.connect(stage.server);
  const { channel, joined } = await stranger.join(topic);
  const stop = stage.server.lie({
    toClient(frame) {
      if (frame.answers === "phx_join" && frame.topic === topic) frame.payload.response.nonce = joined.nonce;
    },
  }, carol.uid);
  await assert.rejects(carol.client.openRoom(garden.rid), { reason: "stale_nonce" });
  stop();
  // Her proof is of that nonce, and for her alone.
  const [proof] = stage.server.said(carol.uid, "prove");
  assert.equal(proof.nonce, joined.nonce);
  await assert.rejects(reply(channel.push("prove", proof)), { reason: "bad_proof" });
  await stranger.disconnect();
  assert.equal((await carol.client.openRoom(garden.rid)).role, "member");
});

test("with somebody else's token nobody is signed in, and nothing is said in their name", TIMEOUT, async () => {
  const stranger = await PlainUser.connect({ url: stage.server.realUrl });
  const bob = stage.somebody();
  const tokens = [];
  const stop = stage.server.lie({
    http({ path, answer }) {
      if (path !== "/v1/session") return;
      tokens.push(answer.token);
      answer.token = stranger.token;
    },
  });
  await assert.rejects(bob.connect({ timeout: 1000 }), { reason: "unreachable" });
  stop();
  const uids = stage.server.frames.filter(({ topic }) => topic === `user:${stranger.uid}`);
  assert.deepEqual([tokens.length > 0, uids], [true, []]);
  await stranger.disconnect();
  await signsIn(bob);
});
