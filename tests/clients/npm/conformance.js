/**
 * What every client must be able to do with the server, in every version and over every transport.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Playground } from "./playground.js";
import { Visitor } from "./visitor.js";
import { until } from "../../js/waiting.mjs";

/**
 * @typedef {object} Client
 * @property {any} exports of the package
 * @property {object} options of its socket
 * @property {boolean} [binary] whether it accepts binary payloads from the server
 * @property {boolean} [heartbeats] whether it sends heartbeats: not over long poll, where polls
 *   show that it is alive
 */

/**
 * @param {string} name of the test
 * @param {Client} client
 */
export function conforms(name, client) {
  test(name, { timeout: 60_000 }, () => run(client));
}

async function run({ exports, options, binary = false, heartbeats = true }) {
  const playground = await Playground.begin();
  const visit = () => new Visitor(exports, playground.socketUrl, options);
  const alice = visit();
  const bob = visit();
  try {
    const room = alice.channel("room:1", { from: "Alice" });
    const shouts = room.heard("shout");
    const news = room.heard("news");
    assert.deepEqual(await room.join(), { from: "Alice" });
    assert.deepEqual(await room.push("echo", { n: 1 }), { n: 1 });
    const { topic } = await room.push("whoami");
    assert.equal(topic, "room:1");

    const bobsRoom = bob.channel("room:1");
    const bobsShouts = bobsRoom.heard("shout");
    await bobsRoom.join();
    await bobsRoom.push("shout", { from: "Bob" });
    assert.deepEqual(bobsShouts, [{ from: "Bob" }], "a shout reaches its sender before the reply does");
    await until("Alice receives Bob's shout", () => shouts.length === 1);
    assert.deepEqual(shouts, [{ from: "Bob" }]);
    await playground.broadcast("room:1", "news", { headline: "rain" });
    await until("Alice receives the news", () => news.length === 1);
    assert.deepEqual(news, [{ headline: "rain" }]);
    if (binary) await assertBinary(playground, room);

    const crowd = await assertPresence(alice, bob);

    if (heartbeats) await alice.heartbeat();
    assert.equal(alice.opened, 1, "nothing made the client reconnect so far");
    for (const signal of ["SIGKILL", "SIGTERM"]) {
      const before = [room, bobsRoom].map(({ joins }) => joins);
      await playground.stop(signal);
      await playground.start();
      const areBack = () => room.joins > before[0] && bobsRoom.joins > before[1];
      await until(`both are back in the room after ${signal}`, areBack);
      assert.deepEqual(await room.push("echo", { after: signal }), { after: signal });
      await playground.broadcast("room:1", "news", { after: signal });
      await until(`Alice receives the news after ${signal}`, () => news.some(({ after }) => after === signal));
      await until(`Alice sees Bob again after ${signal}`, () => Object.keys(crowd.present).length === 2);
    }

    await assertLeaving(playground, { room, news, bobsRoom, crowd });
  } finally {
    // Clients disconnect first: otherwise they would reconnect for ever and keep the test's process
    // alive.
    await Promise.allSettled([alice.disconnect(), bob.disconnect()]);
    await playground.end();
  }
}

async function assertBinary(playground, room) {
  const files = room.heard("file");
  const echoed = await room.push("echo", Uint8Array.of(0, 127, 255).buffer);
  assert.deepEqual(new Uint8Array(echoed), Uint8Array.of(0, 127, 255));
  await playground.broadcast("room:1", "file", Uint8Array.of(1, 0, 254));
  await until("Alice gets bytes", () => files.length === 1);
  assert.deepEqual(new Uint8Array(files[0]), Uint8Array.of(1, 0, 254));
}

/** Both join, Bob changes his device, leaves and joins again. */
async function assertPresence(alice, bob) {
  const crowd = alice.channel("presence:1", { user: "alice", device: "phone" });
  crowd.watchPresence();
  await crowd.join();
  await until("Alice sees herself", () => crowd.present.alice);
  const bobs = bob.channel("presence:1", { user: "bob", device: "laptop" });
  await bobs.join();
  await until("Alice sees Bob come", () => crowd.present.bob);
  assert.deepEqual(crowd.present, { alice: ["phone"], bob: ["laptop"] });
  await bobs.push("update", { device: "watch" });
  await until("Alice sees Bob change", () => crowd.present.bob?.[0] === "watch");
  assert.deepEqual(crowd.present, { alice: ["phone"], bob: ["watch"] });
  await bobs.leave();
  await until("Alice sees Bob leave", () => !crowd.present.bob);
  await bob.channel("presence:1", { user: "bob", device: "laptop" }).join();
  await until("Alice sees Bob come back", () => crowd.present.bob);
  return crowd;
}

/** A user who has left receives nothing more, one who stays does. */
async function assertLeaving(playground, { room, news, bobsRoom, crowd }) {
  await room.leave();
  const bobsNews = bobsRoom.heard("news");
  await playground.broadcast("room:1", "news", { for: "Bob" });
  await until("Bob receives the news", () => bobsNews.length === 1);
  // The reply comes after everything that the server has sent to Alice's connection so far.
  await crowd.push("list");
  assert.ok(!news.some((item) => item.for === "Bob"), "Alice has left");
}
