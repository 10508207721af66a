/**
 * The chat of the channel framework's examples with an unmodified phoenix.js, over both transports.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LongPoll, Presence, Socket } from "phoenix";
import { WebSocket } from "ws";
import { ServerProcess, freePort } from "../js/process.mjs";
import { next, reply } from "./phoenix_user.js";
import { until, within } from "./support.js";

const BINARY =
  process.env.CHAT_BIN ?? fileURLToPath(new URL("../../target/debug/examples/chat", import.meta.url));

/** How long a server may take to disconnect its clients and end. */
const DRAIN_MS = 5_000;

let port, chat;
before(async () => {
  port = await freePort();
  const command = { binary: BINARY, env: { PORT: String(port) } };
  chat = new ServerProcess(command, `chat listens on http://127.0.0.1:${port}`);
  await chat.start();
});
after(() => chat.stop("SIGKILL"));

/**
 * @param {string} name
 * @param {object} transport further options of phoenix.js's Socket
 * @returns {Promise<{socket: Socket, room: any, presence: Presence, joined: any}>} in `room:lobby`
 */
async function enter(name, transport) {
  const scheme = transport.transport === LongPoll ? "http" : "ws";
  const socket = new Socket(`${scheme}://127.0.0.1:${port}/socket`, { params: { name }, ...transport });
  socket.connect();
  const room = socket.channel("room:lobby");
  const presence = new Presence(room);
  const joined = await reply(room.join());
  return { socket, room, presence, joined };
}

/** @returns {string[]} the names that a client shows */
const shown = (presence) => presence.list((name) => name).sort();

for (const [name, transport] of [
  ["WebSocket", { transport: WebSocket }],
  ["long poll", { transport: LongPoll }],
]) {
  describe(`the chat over ${name}`, { timeout: 60_000 }, () => {
    test("everyone hears a message and sees who is there", async () => {
      const alice = await enter("alice", transport);
      const bob = await enter("bob", transport);
      await until("both see both", () =>
        [alice, bob].every(({ presence }) => shown(presence).join() === "alice,bob"),
      );

      const heard = Promise.all([alice, bob].map(({ room }) => next(room, "said")));
      assert.deepEqual(await reply(alice.room.push("say", { text: "hello" })), {});
      const said = { name: "alice", text: "hello" };
      assert.deepEqual(await heard, [said, said]);

      bob.socket.disconnect();
      if (transport.transport !== LongPoll) {
        await until("bob is gone", () => shown(alice.presence).join() === "alice");
      }
      alice.socket.disconnect();
    });

    test("a malformed message gets an error that says why", async () => {
      const carol = await enter("carol", transport);
      const refused = await reply(carol.room.push("say", { txt: "hello" })).catch((error) => error);
      assert.equal(refused.reason, "bad payload");
      assert.match(refused.detail, /missing field `text`/);
      carol.socket.disconnect();
    });
  });
}

test("SIGTERM closes with 1012, and clients rejoin the next server", { timeout: 60_000 }, async () => {
  const codes = [];
  const clients = await Promise.all(
    ["alice", "bob"].map((name) => enter(name, { transport: WebSocket, reconnectAfterMs: () => 100 })),
  );
  clients.forEach(({ socket }) => socket.onClose((event) => codes.push(event.code)));
  const asked = Date.now();
  await within("the chat ends", chat.stop("SIGTERM"));
  assert.ok(Date.now() - asked < DRAIN_MS);
  assert.deepEqual(codes.slice(0, 2), [1012, 1012]);

  await chat.start();
  await until("both rejoin", () => clients.every(({ room }) => room.state === "joined"));
  await until("both see both", () =>
    clients.every(({ presence }) => shown(presence).join() === "alice,bob"),
  );
  clients.forEach(({ socket }) => socket.disconnect());
});
