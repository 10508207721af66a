/**
 * Runs a flow: once undisturbed, and once for every gap between two arrows with the server killed and started again
 * in that gap. The clients reconnect by themselves, as phoenix.js does.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Person } from "./person.js";
import { Server, until, within } from "./support.js";

/**
 * What the arrows of one run share: who takes part, and what came about so far.
 *
 * @typedef {Record<string, any>} Scene
 * @property {Server} server
 * @property {Person} alice
 * @property {Person} bob
 * @property {boolean} disturbed
 * @property {() => void} lose to be called by an arrow before its frame leaves
 */

/**
 * An arrow; `underway` where it ends with a frame on its way: whose, and which event. A server that is killed then
 * may have seen the frame or not, so both are tried.
 *
 * @typedef {[name: string, step: (scene: Scene) => Promise<void>, underway?: ["alice" | "bob", string]]} Arrow
 */

/** @typedef {import("./person.js").Client} Client */

/**
 * @param {string} name
 * @param {Arrow[]} arrows
 * @param {object} [options]
 * @param {"p256" | "ed25519"} [options.alg]
 * @param {boolean} [options.onServer] the server makes the room
 * @param {import("./wire.js").TransportName} [options.transport]
 * @param {"everywhere" | "halfway"} [options.kills] in every gap, or in the one in the middle
 * @param {() => Promise<Server>} [options.begin] where the server is not met directly
 * @param {{alice?: Client[], bob?: Client[]}} [options.clients] see {@link Person}; without, this repository's
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
      const [[before, , underway], [after]] = [arrows[gap - 1], arrows[gap]];
      const title = `the server is killed between "${before}" and "${after}"`;
      if (!underway) once(title, gap);
      else for (const lost of ["frame", "answer"]) once(`${title}, the ${lost} is lost`, gap, lost);
    }
  });
}

async function run(arrows, { alg, onServer, transport, begin, clients, gap, lost }) {
  const server = await begin();
  const [alice, bob] = ["alice", "bob"].map((name) => new Person(name, server, alg, transport, clients[name]));
  const scene = { server, alice, bob, alg, onServer, disturbed: gap !== null };
  try {
    for (const [index, [name, step, underway]] of arrows.entries()) {
      if (index === gap) await server.restart();
      const loser = index + 1 === gap && lost ? scene[underway[0]] : null;
      scene.lose = () => loser?.wire.lose(lost, underway[1]);
      await step(scene).catch((error) => {
        throw new Error(`"${name}": ${error.message}`, { cause: error });
      });
      // Over long poll a frame leaves a while after it was said, and its answer has to be fetched.
      if (loser && transport === "longpoll") await until(`the ${lost} is lost`, () => loser.wire.hasLost);
    }
    await assertNothingIsLeft(scene);
    if (transport === "longpoll") assertLongPoll(scene);
  } finally {
    await Promise.all([alice.goOffline(), bob.goOffline()]);
    await server.end();
  }
}

/** After every flow: both are members who hear each other, the server holds nothing for Bob, and nobody was warned. */
async function assertNothingIsLeft({ alice, bob, rid, gone }) {
  // Bob's client starts anew, so that what the server says of him now can be told from what it said before.
  await bob.goOffline();
  for (const person of [alice, bob]) if (!person.client) await person.comeOnline();
  const opening = [alice, bob].map(({ client }) => client.openRoom(rid));
  const [garden, door] = await within("both open the room", Promise.all(opening));
  await until("both are members", () => [garden, door].every(({ role }) => role === "member"));
  await until("Alice sees Bob", () => garden.presence.list((uid) => uid).includes(bob.client.uid));

  const heard = new Promise((resolve) => garden.on("hello", resolve));
  await within("Bob says hello", door.send("hello", { from: "Bob" }));
  assert.deepEqual(await within("Alice hears it", heard), { from: "Bob" });

  await until("no request is left with Alice", () => garden.pending.length === 0);
  for (const { state } of gone) assert.ok(["approved", "done", null].includes(state), state);
  for (const { mine, approves, more } of bob.wire.answered("phx_join")) {
    assert.deepEqual([mine, approves, more], [[], [], false]);
  }
  assert.deepEqual([...alice.warnings, ...bob.warnings].map(String), []);
}

/** Or a WebSocket that was taken by mistake would pass for long poll. */
function assertLongPoll({ alice, bob }) {
  for (const { wire } of [alice, bob]) {
    assert.deepEqual([...new Set(wire.requests)].sort(), ["GET /socket/longpoll", "POST /socket/longpoll"]);
  }
}
