/**
 * A network that blocks WebSockets: phoenix.js falls back to long poll by itself.
 *
 * phoenix.js falls back to its own LongPoll, which cannot be replaced, so the test records the
 * requests at a proxy.
 */
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { ridOf } from "vestibule-client/protocol";
import WebSocket from "ws";
import { Server, within } from "./support.js";

/** A proxy like some in practice: it forwards HTTP but never answers an upgrade. */
class BlockingProxy {
  /**
   * @type {{method: string, path: string, headers: http.IncomingHttpHeaders}[]} the forwarded
   *   requests
   */
  requests = [];
  /** URL of the server. @type {URL} */
  upstream;
  #held = new Set();
  #listener;

  constructor() {
    this.#listener = http.createServer((request, response) => this.#pass(request, response));
    this.#listener.on("upgrade", (_request, socket) => this.#held.add(socket.on("error", () => {})));
  }

  /** @returns {Promise<string>} the proxy's URL */
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
    this.requests.push({ method, path: new URL(url, this.upstream).pathname, headers });
    // One connection per request, so that an aborted request ends no other.
    const onward = http.request({ hostname, port, method, path: url, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }
}

/** A WebSocket that counts attempts and successes. */
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

/** The flow between two online people, as two applications would implement it. */
async function bobGetsTheKey(alice, bob) {
  const garden = await within("the room is created", alice.createRoom({ name: "Garden", policy: "request" }));
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

  const received = new Promise((resolve) => garden.on("hello", resolve));
  await within("Bob says hello", door.send("hello", { from: "Bob" }));
  assert.deepEqual(await within("Alice receives it", received), { from: "Bob" });
}

test("phoenix.js falls back to long poll by itself", { timeout: 30_000 }, async () => {
  const proxy = new BlockingProxy();
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
    await bobGetsTheKey(await connect(url), await connect(url));
  } finally {
    await Promise.all(clients.map((client) => client.disconnect()));
    await proxy.end();
    await server.end();
  }
  assert.deepEqual([transport.tried, transport.opened], [2, 0], "each tried a WebSocket once");

  const polls = proxy.requests.filter(({ path }) => path === "/socket/longpoll");
  const tokens = polls.filter(({ method }) => method === "GET").map(({ headers }) => headers["x-phoenix-authtoken"]);
  assert.equal(new Set(tokens).size, 2, "both poll, each with a session token");
  assert.ok(tokens.every(Boolean), "phoenix.js sends it in a header");
  assert.ok(polls.some(({ method }) => method === "POST"), "and they send over long poll as well");
  assert.deepEqual(warnings.map(String), []);
});
