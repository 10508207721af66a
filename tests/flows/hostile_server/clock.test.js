/**
 * A server that lies about the time can shift a client's clock within bounds, but cannot make it
 * lose a key, a box or an approve.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, within } from "../support.js";
import { HostileFixture } from "./fixture.js";

const fixture = new HostileFixture();
const TIMEOUT = { timeout: 60_000 };
const DAY = 86_400_000;

/** Shifts every time that the server sends. */
function lieAbout(ms) {
  return fixture.server.lie({
    http({ path, answer }) {
      if (path === "/v1/challenge") answer.now = Date.now() + ms;
    },
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join") response.now = Date.now() + ms;
    },
  });
}

/** Bob has requested the key of Alice's room. */
async function begin() {
  const { alice, garden, rid, roomKey } = await fixture.room();
  const bob = await fixture.somebody().connect();
  const door = await bob.client.openRoom(rid);
  const asked = await door.ask({ ttl: DAY });
  const request = await until("Alice sees it", () => garden.pending[0]);
  return { alice, garden, rid, roomKey, bob, door, asked, request };
}

const hasTheKey = ({ bob, rid, roomKey }) => {
  return bob.keyOf(rid)?.private === Buffer.from(roomKey.private).toString("base64url");
};

for (const days of [3, -3, 300]) {
  test(`a server that is ${days} days off deletes no box`, TIMEOUT, async () => {
    const scene = await begin();
    const { bob, rid, request } = scene;
    const stop = lieAbout(days * DAY);
    await bob.restart();
    assert.ok(bob.warnings.every((warning) => warning.startsWith("wrong_clock: ")), bob.warnings.join());
    const door = await bob.client.openRoom(rid);
    // The only effect: a request that has expired by the server's time is not waited for.
    const waiting = door.whenKey();
    if (days > 0) await assert.rejects(within("Bob is told", waiting), { reason: "expired" });
    stop();
    await request.approve();
    await until("Bob has the key", () => hasTheKey(scene));
  });
}

test("a server that is days off deletes no approve", TIMEOUT, async () => {
  const scene = await begin();
  const { alice, bob, rid, request } = scene;
  await bob.client.disconnect();
  await request.approve();
  const stop = lieAbout(3 * DAY);
  await alice.restart();
  const [, sent] = Object.entries(JSON.parse(alice.storage.get(`room/${rid}/approves`)))[0];
  assert.equal(sent.state, "stored");
  await alice.client.openRoom(rid);
  stop();
  await bob.connect();
  await until("Bob has the key", () => hasTheKey(scene));
  assert.ok(alice.storage.get(`room/${rid}/approves`));
});

for (const [name, ms] of [
  ["of 1970", -Date.now()],
  ["of another century", 100 * 365 * DAY],
  ["two years off", 730 * DAY],
]) {
  test(`a time that is ${name} is not believed`, TIMEOUT, async () => {
    const { garden, rid } = await fixture.room();
    const stop = lieAbout(ms);
    const bob = await fixture.somebody().connect();
    assert.match(bob.warnings[0], /^wrong_clock: .*too large to correct: set the clock$/);
    const before = Date.now();
    const { exp } = await (await bob.client.openRoom(rid)).ask({ ttl: DAY });
    assert.ok(exp - before - DAY < 60_000, `${exp - before} ms`);
    await (await until("Alice sees it", () => garden.pending[0])).approve();
    await until("Bob has the key", () => bob.keyOf(rid));
    stop();
  });
}

test("no request is signed for more than 30 days", TIMEOUT, async () => {
  const { rid } = await fixture.room();
  const stop = lieAbout(300 * DAY);
  // The server accepts longer lifetimes.
  const more = fixture.server.lie({
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join" && response.limits) response.limits.exp_ms = 3000 * DAY;
      if (answers === "request") response.state = "pending";
    },
  });
  const bob = await fixture.somebody().connect();
  const door = await bob.client.openRoom(rid);
  await assert.rejects(door.ask({ ttl: 31 * DAY }), { reason: "bad_argument" });
  const asking = door.ask({ ttl: 30 * DAY });
  asking.catch(() => {});
  const [{ exp }] = await until("Bob sends his request", () => {
    const sent = fixture.server.sentBy(bob.uid, "request");
    return sent.length > 0 && sent;
  });
  assert.ok(exp <= Date.now() + 330 * DAY, `${exp}`);
  stop();
  more();
});
