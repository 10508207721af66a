/** Signing in at a server that wants to impersonate the user elsewhere. */
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream";
import { test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import WebSocket from "ws";
import { PhoenixUser, reply } from "../phoenix_user.js";
import { Server, until } from "../support.js";
import { HostileFixture } from "./fixture.js";

const fixture = new HostileFixture();
const TIMEOUT = { timeout: 60_000 };

/**
 * Redirects HTTP requests, sockets or both to another server, with this Host header; default: that
 * server's.
 */
function relay(url, isRelayed, host = new URL(url).host) {
  return fixture.server.lie({
    route(asked) {
      if (isRelayed(asked.path)) Object.assign(asked, { url, headers: { ...asked.headers, host } });
    },
  });
}

/** @returns {Promise<string>} the URL of a relay that forwards all bytes unchanged */
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

/** Once the server is honest, the same device can sign in. */
async function assertSignsIn(bob) {
  await bob.connect();
  const door = await bob.client.openRoom((await fixture.room()).rid);
  await door.ask();
  assert.deepEqual(bob.warnings, []);
}

test("a sign-in is signed for the addressed name only", TIMEOUT, async () => {
  const bob = fixture.somebody();
  const claimed = [];
  const stop = fixture.server.lie({
    http({ path, answer }) {
      if (path !== "/v1/challenge") return;
      claimed.push(answer.server);
      answer.server = "bank.example";
    },
  });
  await assertSignsIn(bob);
  assert.ok(claimed.length > 0);
  stop();
});

test("a sign-in relayed to another server is refused there", TIMEOUT, async () => {
  const other = await Server.begin();
  try {
    const bob = fixture.somebody();
    const stop = relay(other.url, (path) => path.startsWith("/v1/"));
    await assert.rejects(bob.connect(), { reason: "bad_sig" });
    stop();
    await assertSignsIn(bob);
  } finally {
    await other.end();
  }
});

test("a sign-in through a plain relay is refused", TIMEOUT, async (context) => {
  const other = await Server.begin();
  context.after(() => other.end());
  // With an unchanged Host header, and with the relay's own name in it: either way the client
  // addresses the relay.
  const url = await plainRelay(context, other);
  const connecting = Vestibule.connect(url, { storage: new MemoryStorage(), transport: WebSocket });
  await assert.rejects(connecting, { reason: "misdirected", detail: /set --name/ });
  const stop = relay(other.url, (path) => path.startsWith("/v1/"), new URL(fixture.server.url).host);
  await assert.rejects(fixture.somebody().connect(), { reason: "misdirected" });
  stop();
});

test("a proof relayed to another name is refused there", TIMEOUT, async (context) => {
  const { alice, garden } = await fixture.room();
  const carol = await fixture.member({ alice, rid: garden.rid });
  const other = await fixture.server.twin(["--name", "other.example"]);
  context.after(() => other.end());
  const stop = relay(other.url, (path) => path.startsWith("/socket"));
  await carol.connect();
  await assert.rejects(carol.client.openRoom(garden.rid), { reason: "bad_proof" });
  await carol.client.disconnect();
  stop();
  await carol.connect();
  assert.equal((await carol.client.openRoom(garden.rid)).role, "member");
});

test("a relayed socket cannot reach a server without a name", TIMEOUT, async (context) => {
  const { alice, garden } = await fixture.room();
  const carol = await fixture.member({ alice, rid: garden.rid });
  const other = await fixture.server.twin();
  context.after(() => other.end());
  const before = fixture.server.frames.length;
  let tries = 0;
  const host = new URL(fixture.server.url).host;
  const stop = relay(other.url, (path) => path.startsWith("/socket") && (tries += 1) > 0, host);
  const connected = carol.connect();
  await until("the socket is tried again", () => tries > 1);
  // The server may still push the presences of an earlier test's room.
  const sent = fixture.server.frames.slice(before).filter(({ way, event }) => way === "out" && event !== "heartbeat");
  assert.deepEqual(sent, [], "no frame was sent");
  stop();
  await connected;
  assert.equal((await carol.client.openRoom(garden.rid)).role, "member");
});

test("a proof with another join's nonce is refused", TIMEOUT, async () => {
  const { alice, garden } = await fixture.room();
  const topic = `room:${garden.rid}`;
  const carol = await fixture.member({ alice, rid: garden.rid }).connect();
  const stranger = await PhoenixUser.connect(fixture.server);
  const { channel, joined } = await stranger.join(topic);
  const stop = fixture.server.lie({
    toClient(frame) {
      if (frame.answers === "phx_join" && frame.topic === topic) frame.payload.response.nonce = joined.nonce;
    },
  }, carol.uid);
  await assert.rejects(carol.client.openRoom(garden.rid), { reason: "stale_nonce" });
  stop();
  // Carol's proof signs that nonce, but only for Carol.
  const [proof] = fixture.server.sentBy(carol.uid, "prove");
  assert.equal(proof.nonce, joined.nonce);
  await assert.rejects(reply(channel.push("prove", proof)), { reason: "bad_proof" });
  await stranger.disconnect();
  assert.equal((await carol.client.openRoom(garden.rid)).role, "member");
});

test("a foreign token does not sign a client in", TIMEOUT, async () => {
  const stranger = await PhoenixUser.connect(fixture.server);
  const bob = fixture.somebody();
  const tokens = [];
  const stop = fixture.server.lie({
    http({ path, answer }) {
      if (path !== "/v1/session") return;
      tokens.push(answer.token);
      answer.token = stranger.token;
    },
  });
  await assert.rejects(bob.connect({ timeout: 1000 }), { reason: "unreachable" });
  stop();
  const uids = fixture.server.frames.filter(({ topic }) => topic === `user:${stranger.uid}`);
  assert.deepEqual([tokens.length > 0, uids], [true, []]);
  await stranger.disconnect();
  await assertSignsIn(bob);
});
