/**
 * A network that lets no WebSocket through: phoenix.js gives up on it by itself and goes on over long poll.
 *
 * phoenix.js falls back to its own LongPoll, which cannot be tapped, so it is the network that is listened to here.
 */
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { ridOf } from "vestibule-client/protocol";
import WebSocket from "ws";
import { Server, within } from "./support.js";

/** What some proxies do: HTTP passes, an upgrade is taken and never answered. */
class DeafProxy {
  /** @type {{method: string, path: string, headers: http.IncomingHttpHeaders}[]} what passed */
  passed = [];
  /** URL of the server. @type {URL} */
  upstream;
  #held = new Set();
  #listener;

  constructor() {
    this.#listener = http.createServer((request, response) => this.#pass(request, response));
    this.#listener.on("upgrade", (_request, socket) => this.#held.add(socket.on("error", () => {})));
  }

  /** @returns {Promise<string>} the URL to come in by */
  async begin() {
    await new Promise((resolve) => this.#listener.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.#listener.address().port}`;
  }

  /** @returns {Promise<void>} */
  async end() {
    for (const socket of this.#held) socket.destroy();
    this.#listener.closeAllConnections();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #pass(request, response) {
    const { method, url, headers } = request;
    const { hostname, port } = this.upstream;
    this.passed.push({ method, path: new URL(url, this.upstream).pathname, headers });
    // A connection for each request: one that its client gives up ends alone.
    const onward = http.request({ hostname, port, method, path: url, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }
}

/** Counts what is tried, and what opens. */
function countingWebSocket() {
  return class CountingWebSocket extends WebSocket {
    static tried = 0;
    static opened = 0;

    constructor(...args) {
      super(...args);
      CountingWebSocket.tried += 1;
      this.on("open", () => (CountingWebSocket.opened += 1));
    }
  };
}

/** The flow between people who are both online, as two applications would write it. */
async function aliceLetsBobIn(alice, bob) {
  const garden = await within("the room is made", alice.createRoom({ name: "Garden", policy: "request" }));
  const requests = [];
  garden.onRequest((request) => {
    requests.push(request);
    return request.approve();
  });
  const door = await within("Bob is in the room", bob.openRoom(garden.rid));
  const asked = await within("Bob's request is stored", door.ask({ note: "It is Bob" }));
  const key = await within("Bob has the key", door.whenKey());
  assert.equal(await ridOf(key.alg, key.pub), garden.rid);
  assert.deepEqual(requests.map(({ fingerprint }) => fingerprint), [asked.fingerprint]);

  const heard = new Promise((resolve) => garden.on("hello", resolve));
  await within("Bob says hello", door.send("hello", { from: "Bob" }));
  assert.deepEqual(await within("Alice hears it", heard), { from: "Bob" });
}

test("where no WebSocket opens, phoenix.js falls back to long poll by itself", { timeout: 30_000 }, async () => {
  const proxy = new DeafProxy();
  const url = await proxy.begin();
  const server = await Server.begin(() => ["--name", new URL(url).host]);
  proxy.upstream = new URL(server.url);
  const transport = countingWebSocket();
  const warnings = [];
  const clients = [];
  const connect = async (url) => {
    const options = { storage: new MemoryStorage(), transport, socketOptions: { longPollFallbackMs: 100 } };
    const onWarning = (warning) => warnings.push(warning);
    const client = await within("connected", Vestibule.connect(url, { ...options, onWarning }));
    clients.push(client);
    return client;
  };
  try {
    await aliceLetsBobIn(await connect(url), await connect(url));
  } finally {
    await Promise.all(clients.map((client) => client.disconnect()));
    await proxy.end();
    await server.end();
  }
  assert.deepEqual([transport.tried, transport.opened], [2, 0], "each tried a WebSocket, once");

  const polls = proxy.passed.filter(({ path }) => path === "/socket/longpoll");
  const tokens = polls.filter(({ method }) => method === "GET").map(({ headers }) => headers["x-phoenix-authtoken"]);
  assert.equal(new Set(tokens).size, 2, "both poll, each with a session token");
  assert.ok(tokens.every(Boolean), "which phoenix.js sends in a header");
  assert.ok(polls.some(({ method }) => method === "POST"), "and what they say goes the same way");
  assert.deepEqual(warnings.map(String), []);
});
