/**
 * Runs a flow once undisturbed, and once for every gap between two arrows with the server killed
 * and restarted in that gap. The clients reconnect by themselves, as phoenix.js does.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Person } from "./person.js";
import { Server, until, within } from "./support.js";

/**
 * The state that the arrows of one run share.
 *
 * @typedef {Record<string, any>} Scene
 * @property {Server} server
 * @property {Person} alice
 * @property {Person} bob
 * @property {boolean} disturbed
 * @property {() => void} lose an arrow calls it before it sends its frame
 */

/**
 * An arrow; `inFlight` names the person and the event if it ends with an unanswered frame. A server
 * killed at that moment may have received the frame or not, so both cases are run.
 *
 * @typedef
 *   {[name: string, step: (scene: Scene) => Promise<void>, inFlight?: ["alice" | "bob", string]]}
 *   Arrow
 */

/** @typedef {import("./person.js").Client} Client */

/**
 * @param {string} name
 * @param {Arrow[]} arrows
 * @param {object} [options]
 * @param {"p256" | "ed25519"} [options.alg]
 * @param {boolean} [options.onServer] the server creates the room
 * @param {import("./wire.js").TransportName} [options.transport]
 * @param {"everywhere" | "halfway"} [options.kills] kill in every gap, or only in the middle one
 * @param {() => Promise<Server>} [options.begin] starts the server, if it is behind a proxy
 * @param {{alice?: Client[], bob?: Client[]}} [options.clients] see {@link Person}; default: this
 *   repository's client
 */
export function flow(name, arrows, options = {}) {
  const { alg = "p256", onServer = false, transport = "websocket" } = options;
  const { kills = "everywhere", begin = () => Server.begin(), clients = {} } = options;
  describe(name, () => {
    const once = (title, gap, lost) => {
      test(title, { timeout: 60_000 }, () => run(arrows, { alg, onServer, transport, begin, clients, gap, lost }));
    };
    once("undisturbed", null);
    for (let gap = 1; gap < arrows.length; gap += 1) {
      if (kills === "halfway" && gap !== arrows.length >> 1) continue;
      const [before, , inFlight] = arrows[gap - 1];
      const title = `server killed after "${before}"`;
      if (!inFlight) once(title, gap);
      else for (const lost of ["frame", "answer"]) once(`${title}, ${lost} lost`, gap, lost);
    }
  });
}

async function run(arrows, { alg, onServer, transport, begin, clients, gap, lost }) {
  const server = await begin();
  const [alice, bob] = ["alice", "bob"].map((name) => new Person(name, server, alg, transport, clients[name]));
  const scene = { server, alice, bob, alg, onServer, disturbed: gap !== null };
  try {
    for (const [index, [name, step, inFlight]] of arrows.entries()) {
      if (index === gap) await server.restart();
      const sender = index + 1 === gap && lost ? scene[inFlight[0]] : null;
      scene.lose = () => sender?.wire.lose(lost, inFlight[1]);
      await step(scene).catch((error) => {
        throw new Error(`"${name}": ${error.message}`, { cause: error });
      });
      // Over long poll a frame is sent with a delay, and its reply must be polled.
      if (sender && transport === "longpoll") await until(`the ${lost} is lost`, () => sender.wire.hasLost);
    }
    await assertNothingIsLeft(scene);
    if (transport === "longpoll") assertLongPoll(scene);
  } finally {
    await Promise.all([alice.goOffline(), bob.goOffline()]);
    await server.end();
  }
}

/**
 * After every flow both are members who receive each other's messages, the server stores nothing
 * for Bob, and there were no warnings.
 */
async function assertNothingIsLeft({ alice, bob, rid, gone }) {
  // Bob's client restarts, so that only what the server sends now is checked.
  await bob.goOffline();
  for (const person of [alice, bob]) if (!person.client) await person.comeOnline();
  const opening = [alice, bob].map(({ client }) => client.openRoom(rid));
  const [garden, door] = await within("both open the room", Promise.all(opening));
  await until("both are members", () => [garden, door].every(({ role }) => role === "member"));
  await until("Alice sees Bob", () => garden.presence.list((uid) => uid).includes(bob.client.uid));

  const received = new Promise((resolve) => garden.on("hello", resolve));
  await within("Bob says hello", door.send("hello", { from: "Bob" }));
  assert.deepEqual(await within("Alice receives it", received), { from: "Bob" });

  await until("no request is left with Alice", () => garden.pending.length === 0);
  for (const { state } of gone) assert.ok(["approved", "done", null].includes(state), state);
  for (const { mine, approves, more } of bob.wire.replies("phx_join")) {
    assert.deepEqual([mine, approves, more], [[], [], false]);
  }
  assert.deepEqual([...alice.warnings, ...bob.warnings].map(String), []);
}

/** Makes sure that no WebSocket was used by mistake. */
function assertLongPoll({ alice, bob }) {
  for (const { wire } of [alice, bob]) {
    assert.deepEqual([...new Set(wire.requests)].sort(), ["GET /socket/longpoll", "POST /socket/longpoll"]);
  }
}
