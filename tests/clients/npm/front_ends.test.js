/**
 * Two front ends as Phoenix's guides have them, with every client, and no channel written for them:
 * a chat with presence, and a board on which everybody sees everybody's cursor.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";
import { V1, V2 } from "./clients.js";
import { Configured } from "./configured.js";
import { Visitor } from "./visitor.js";
import { until } from "../../js/waiting.mjs";

const SETTINGS = `
[channels."chat:*"]
join = "anyone"
publish = ["new_msg"]
presence = true
presence_params = ["device"]

[channels."cursors:*"]
join = "anyone"
publish = ["move"]
echo = false
reply = "none"
max_payload = "200"
`;

/** A chat whose messages are kept for those who come back. */
const KEPT = `
[channels."chat:*"]
join = "anyone"
publish = ["new_msg"]
history = { count = 100, age = "10m" }
`;

/** How many times a second a cursor moves, and for how many seconds. */
const RATE = 20;
const SECONDS = 2;

/** How many times a cursor moves altogether. */
const MOVES = RATE * SECONDS;

for (const [name, exports] of Object.entries({ ...V1, ...V2 })) {
  test(`a chat and a cursor board with ${name}`, { timeout: 60_000 }, async () => {
    const server = await Configured.begin(SETTINGS);
    const visit = () => new Visitor(exports, server.socketUrl, { transport: WebSocket });
    const visitors = [visit(), visit(), visit()];
    try {
      await chat(...visitors.slice(0, 2));
      await cursors(visitors);
    } finally {
      await Promise.all(visitors.map((visitor) => visitor.disconnect()));
      await server.end();
    }
  });
}

/** A message reaches everybody, its sender too, and everybody is listed until they leave. */
async function chat(alice, bob) {
  const lobby = alice.channel("chat:lobby", { device: "Alice" });
  const bobsLobby = bob.channel("chat:lobby", { device: "Bob" });
  for (const channel of [lobby, bobsLobby]) {
    channel.watchPresence();
    await channel.join();
  }
  const present = () => Object.values(lobby.present).flat().sort();
  await until("Alice sees both", () => present().length === 2);
  assert.deepEqual(present(), ["Alice", "Bob"]);

  const messages = [lobby, bobsLobby].map((channel) => channel.heard("new_msg"));
  await lobby.push("new_msg", { body: "hello" });
  await bobsLobby.push("new_msg", { body: "hello yourself" });
  await until("both have both messages", () => messages.every((heard) => heard.length === 2));
  for (const heard of messages) assert.deepEqual(heard, [{ body: "hello" }, { body: "hello yourself" }]);
  await assert.rejects(lobby.push("shout", {}), /not_allowed/);

  await bobsLobby.leave();
  await until("Alice is alone", () => present().length === 1);
}

/** All cursors move at once; the others see each move once and in order, its owner none. */
async function cursors(visitors) {
  const boards = visitors.map((visitor) => visitor.channel("cursors:1"));
  for (const board of boards) await board.join();
  const seen = boards.map((board) => board.heard("move"));
  const start = performance.now();
  for (let x = 0; x < MOVES; x += 1) {
    for (const [who, board] of boards.entries()) board.send("move", { who, x });
    // By the clock, so that late timers do not add up.
    await sleep(start + ((x + 1) * 1000) / RATE - performance.now());
  }
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds >= SECONDS - 0.01 && seconds < SECONDS * 1.25, `${MOVES} moves in ${seconds} s`);

  const others = boards.length - 1;
  await until("all have seen all moves", () => seen.every((moves) => moves.length >= others * MOVES));
  const path = Array.from({ length: MOVES }, (_, x) => x);
  for (const [reader, moves] of seen.entries()) {
    for (const mover of boards.keys()) {
      const xs = moves.filter(({ who }) => who === mover).map(({ x }) => x);
      assert.deepEqual(xs, mover === reader ? [] : path, `what ${reader} sees of ${mover}`);
    }
  }
}

for (const [name, exports] of Object.entries(V2)) {
  test(`missed messages with ${name}`, { timeout: 60_000 }, async () => {
    const server = await Configured.begin(KEPT);
    const visit = () => new Visitor(exports, server.socketUrl, { transport: WebSocket });
    const [alice, bob] = [visit(), visit()];
    try {
      const lobby = alice.channel("chat:lobby");
      await lobby.join();
      // As the documents have it: the parameters of each join name the last message.
      let lastId;
      const bobsLobby = bob.channel("chat:lobby", () => (lastId ? { last_id: lastId } : {}));
      const heard = bobsLobby.heard("new_msg");
      const { history } = await bobsLobby.join();
      lastId = history.last_id;
      await lobby.push("new_msg", { n: 1 });
      await until("Bob has the first message", () => heard.length === 1);
      lastId = heard[0]._id;

      const joins = bobsLobby.joins;
      bob.cut();
      await lobby.push("new_msg", { n: 2 });
      await lobby.push("new_msg", { n: 3 });
      await until("Bob is back", () => bobsLobby.joins > joins);
      await lobby.push("new_msg", { n: 4 });
      await until("Bob has all messages", () => heard.length >= 4);
      assert.deepEqual(heard.map(({ n }) => n), [1, 2, 3, 4]);
    } finally {
      await Promise.all([alice, bob].map((visitor) => visitor.disconnect()));
      await server.end();
    }
  });
}
