/**
 * Supabase's client uses topics `realtime:…`, and one event for all broadcasts, whose payload names
 * the actual event. On V1 it sends them as JSON, on V2 (its default) as binary frames of its own
 * kinds 3 and 4.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RealtimeClient } from "@supabase/realtime-js";
import WebSocket from "ws";
import { Playground } from "./playground.js";
import { until, within } from "../../js/waiting.mjs";

test("realtime-js 2.109.0 speaks V1", { timeout: 60_000 }, () => scene("1.0.0"));
test("realtime-js 2.109.0 speaks V2", { timeout: 60_000 }, () => scene("2.0.0", { binary: true }));

async function play(playground, alice, bob, { binary = false }) {
  await assertBroadcast(alice, bob, { from: "Bob" });
  if (binary) await assertBroadcast(alice, bob, Uint8Array.of(0, 127, 255).buffer);
  await assertPresence(alice, bob);

  await until("a heartbeat is answered", () => alice.heartbeats > 0);
  assert.deepEqual(alice.statuses, ["SUBSCRIBED"], "nothing made the client join again so far");
  for (const signal of ["SIGKILL", "SIGTERM"]) {
    const before = alice.subscribed;
    await playground.stop(signal);
    await playground.start();
    await until(`Alice is back after ${signal}`, () => alice.subscribed > before);
    const news = { type: "broadcast", event: "news", payload: { after: signal } };
    await playground.broadcast("realtime:garden", "broadcast", news);
    const isNews = ({ payload }) => payload.after === signal;
    await until(`Alice receives the news after ${signal}`, () => alice.received.some(isNews));
  }
  assert.equal(await alice.channel.unsubscribe(), "ok");
}

async function assertBroadcast(alice, bob, payload) {
  // With `ack` the reply confirms that the server understood.
  assert.equal(await bob.channel.send({ type: "broadcast", event: "hello", payload }), "ok");
  await until("Alice receives Bob's broadcast", () => alice.received.length > 0);
  const received = alice.received.pop();
  assert.deepEqual([received.event, received.payload], ["hello", payload]);
  assert.deepEqual(bob.received, [], "the sender does not receive its own broadcast by default");
}

async function assertPresence(alice, bob) {
  const everybody = () => Object.keys(alice.channel.presenceState()).sort();
  await alice.channel.track({ mood: "fine" });
  await bob.channel.track({ mood: "glad" });
  await until("Alice sees both", () => everybody().length === 2);
  assert.deepEqual(everybody(), ["alice", "bob"]);
  assert.deepEqual(alice.channel.presenceState().bob.map(({ mood }) => mood), ["glad"]);
  await bob.channel.untrack();
  await until("Alice sees Bob leave", () => everybody().length === 1);
}

async function scene(vsn, options = {}) {
  const playground = await Playground.begin();
  const people = ["alice", "bob"].map((name) => new Person(name, playground.socketUrl, vsn));
  try {
    for (const person of people) await within("subscribed", person.subscribe());
    await play(playground, ...people, options);
  } finally {
    await Promise.allSettled(people.map((person) => person.leave()));
    await playground.end();
  }
}

/** A user in the garden. */
class Person {
  #client;

  constructor(name, url, vsn) {
    const heartbeatCallback = (status) => (this.heartbeats += status === "ok" ? 1 : 0);
    this.#client = new RealtimeClient(url, {
      transport: WebSocket,
      vsn,
      params: { apikey: "unused" },
      reconnectAfterMs: () => 20,
      heartbeatIntervalMs: 500,
      heartbeatCallback,
      timeout: 5000,
    });
    const config = { presence: { key: name }, broadcast: { ack: true, self: false } };
    /** @type {number} the number of answered heartbeats */
    this.heartbeats = 0;
    /** @type {object[]} */
    this.received = [];
    /** @type {string[]} */
    this.statuses = [];
    this.channel = this.#client.channel("garden", { config });
    this.channel.on("presence", { event: "sync" }, () => {});
    this.channel.on("broadcast", { event: "*" }, (message) => this.received.push(message));
  }

  /** @returns {number} the number of successful joins, including rejoins */
  get subscribed() {
    return this.statuses.filter((status) => status === "SUBSCRIBED").length;
  }

  /** @returns {Promise<void>} */
  subscribe() {
    return new Promise((resolve, reject) => {
      this.channel.subscribe((status, error) => {
        this.statuses.push(status);
        if (status === "SUBSCRIBED") resolve();
        else reject(new Error(status, { cause: error }));
      });
    });
  }

  leave() {
    return within("disconnected", this.#client.disconnect());
  }
}
