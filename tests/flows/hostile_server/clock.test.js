/** What the server says of the time: it corrects a clock within bounds, and costs no key, no box and no approve. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, within } from "../support.js";
import { Stage } from "./stage.js";

const stage = new Stage();
const TIMEOUT = { timeout: 60_000 };
const DAY = 86_400_000;

/** The server is so far ahead, or behind, whenever it says the time. */
function lieAbout(ms) {
  return stage.server.lie({
    http({ path, answer }) {
      if (path === "/v1/challenge") answer.now = Date.now() + ms;
    },
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join") response.now = Date.now() + ms;
    },
  });
}

/** Bob has asked for the key of Alice's room. */
async function begin() {
  const { alice, garden, rid, roomKey } = await stage.room();
  const bob = await stage.somebody().connect();
  const door = await bob.client.openRoom(rid);
  const asked = await door.ask({ ttl: DAY });
  const request = await until("Alice is shown it", () => garden.pending[0]);
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
    await bob.comeBack();
    assert.ok(bob.warnings.every((warning) => warning.startsWith("wrong_clock: ")), bob.warnings.join());
    const door = await bob.client.openRoom(rid);
    // What has expired by the server's time is not waited for; that is all.
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
  await alice.comeBack();
  const [, sent] = Object.entries(JSON.parse(alice.storage.get(`room/${rid}/approves`)))[0];
  assert.equal(sent.state, "stored");
  await alice.client.openRoom(rid);
  stop();
  await bob.connect();
  await until("Bob has the key", () => hasTheKey(scene));
  assert.ok(alice.storage.get(`room/${rid}/approves`));
});

for (const [name, ms] of [["of 1970", -Date.now()], ["of another century", 100 * 365 * DAY], ["two years off", 730 * DAY]]) {
  test(`a time that is ${name} is not believed`, TIMEOUT, async () => {
    const { garden, rid } = await stage.room();
    const stop = lieAbout(ms);
    const bob = await stage.somebody().connect();
    assert.match(bob.warnings[0], /^wrong_clock: .*too large to correct: set the clock$/);
    const before = Date.now();
    const { exp } = await (await bob.client.openRoom(rid)).ask({ ttl: DAY });
    assert.ok(exp - before - DAY < 60_000, `${exp - before} ms`);
    await (await until("Alice is shown it", () => garden.pending[0])).approve();
    await until("Bob has the key", () => bob.keyOf(rid));
    stop();
  });
}

test("no request outlasts 30 days of the corrected clock", TIMEOUT, async () => {
  const { rid } = await stage.room();
  const stop = lieAbout(300 * DAY);
  // It takes what lasts longer, too.
  const more = stage.server.lie({
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join" && response.limits) response.limits.exp_ms = 3000 * DAY;
      if (answers === "request") response.state = "pending";
    },
  });
  const bob = await stage.somebody().connect();
  const door = await bob.client.openRoom(rid);
  await assert.rejects(door.ask({ ttl: 31 * DAY }), { reason: "bad_argument" });
  const asking = door.ask({ ttl: 30 * DAY });
  asking.catch(() => {});
  const [{ exp }] = await until("he asks", () => {
    const said = stage.server.said(bob.uid, "request");
    return said.length > 0 && said;
  });
  assert.ok(exp <= Date.now() + 330 * DAY, `${exp}`);
  stop();
  more();
});
