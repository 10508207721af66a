/** Signing in at a server that would be somebody else with it. */
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream";
import { test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import WebSocket from "ws";
import { PlainUser, reply } from "../plain.js";
import { Server, until } from "../support.js";
import { Stage } from "./stage.js";

const stage = new Stage();
const TIMEOUT = { timeout: 60_000 };

/** Calls, sockets or both go to another server, under this host: its own without. */
function relay(url, isRelayed, host = new URL(url).host) {
  return stage.server.lie({
    route(asked) {
      if (isRelayed(asked.path)) Object.assign(asked, { url, headers: { ...asked.headers, host } });
    },
  });
}

/** @returns {Promise<string>} what clients address that forwards each byte to a server as it is */
async function plainRelay(context, { url }) {
  const port = Number(new URL(url).port);
  const relay = createServer((victim) => {
    const server = connect(port, "127.0.0.1");
    pipeline(victim, server, victim, () => {});
  });
  context.after(() => relay.close());
  await new Promise((listening) => relay.listen(0, "127.0.0.1", listening));
  return `http://127.0.0.1:${relay.address().port}`;
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

test("a sign-in through a plain relay is refused", TIMEOUT, async (context) => {
  const other = await Server.begin();
  context.after(() => other.end());
  // As it stands, and where whoever relays writes its own name into Host: the client means the relay either way.
  const url = await plainRelay(context, other);
  const connecting = Vestibule.connect(url, { storage: new MemoryStorage(), transport: WebSocket });
  await assert.rejects(connecting, { reason: "misdirected", detail: /set --name/ });
  const stop = relay(other.url, (path) => path.startsWith("/v1/"), new URL(stage.server.url).host);
  await assert.rejects(stage.somebody().connect(), { reason: "misdirected" });
  stop();
});

test("a proof that is relayed to another name is worthless there", TIMEOUT, async (context) => {
  const { alice, garden } = await stage.room();
  const carol = await stage.member({ alice, rid: garden.rid });
  const other = await stage.server.twin(["--name", "other.example"]);
  context.after(() => other.end());
  const stop = relay(other.url, (path) => path.startsWith("/socket"));
  await carol.connect();
  await assert.rejects(carol.client.openRoom(garden.rid), { reason: "bad_proof" });
  await carol.client.disconnect();
  stop();
  await carol.connect();
  assert.equal((await carol.client.openRoom(garden.rid)).role, "member");
});

test("a server without a name is not reached by a relayed socket", TIMEOUT, async (context) => {
  const { alice, garden } = await stage.room();
  const carol = await stage.member({ alice, rid: garden.rid });
  const other = await stage.server.twin();
  context.after(() => other.end());
  const before = stage.server.frames.length;
  let tries = 0;
  const host = new URL(stage.server.url).host;
  const stop = relay(other.url, (path) => path.startsWith("/socket") && (tries += 1) > 0, host);
  const connected = carol.connect();
  await until("the socket was tried again", () => tries > 1);
  assert.deepEqual(stage.server.frames.slice(before), [], "nobody said anything");
  stop();
  await connected;
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
  const stranger = await PlainUser.connect(stage.server);
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
