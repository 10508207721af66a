/**
 * A server that signs everybody in and answers each event from a table. It serves tests of the
 * whole client with phoenix.js and a real socket. It checks and stores nothing.
 */
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { toBase64url } from "../src/bytes.js";

const JOINED = {
  v: 1, epoch: "one", seq: 1, mine: [], approves: [], notices: [], cursors: {}, more: false,
  limits: { note: 280, ct: 16_384, name: 80, box_pub: 4096, exp_ms: 3_600_000 },
};

const PROVEN = { role: "member", pending: [], cursor: null, seq: 1, after_ms: 0 };

export class FakeServer {
  #http;
  #sockets = new WebSocketServer({ noServer: true });
  #connections = new Set();
  /** The joins of the last connection, by topic. */
  #joined = new Map();

  /** Whether upgrades to WebSocket succeed. */
  opens = true;
  /** The number of upgrade requests. */
  upgrades = 0;
  /** The frames received, in order. @type {{topic: string, event: string, payload: any}[]} */
  frames = [];
  /** The HTTP calls. @type {{path: string, body: any}[]} */
  calls = [];
  /** The reply to each event, or a function of payload and topic; `{error}` refuses. */
  answers = {};

  /** @returns {Promise<FakeServer>} */
  static async begin() {
    const server = new FakeServer();
    server.#http = createServer((request, response) => server.#answer(request, response));
    server.#http.on("connection", (connection) => server.#connections.add(connection));
    server.#http.on("upgrade", (request, socket, head) => {
      server.upgrades += 1;
      if (server.opens) server.#sockets.handleUpgrade(request, socket, head, (open) => server.#opened(open));
    });
    await new Promise((resolve) => server.#http.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** @returns {string} */
  get url() {
    return `http://127.0.0.1:${this.#http.address().port}`;
  }

  /** Pushes to the latest subscriber of the topic. */
  push(topic, event, payload) {
    const { socket, joinRef } = this.#joined.get(topic);
    socket.send(JSON.stringify([joinRef, null, topic, event, payload]));
  }

  /** Sends a raw text to all sockets. */
  sendRaw(text) {
    for (const socket of this.#sockets.clients) socket.send(text);
  }

  /** @returns {any[]} the received payloads of one event */
  received(event, topic) {
    const fits = (frame) => frame.event === event && (!topic || frame.topic === topic);
    return this.frames.filter(fits).map(({ payload }) => payload);
  }

  /** Ends all connections; phoenix.js reconnects. */
  hangUp() {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  end() {
    // Includes upgraded sockets, which the HTTP server no longer tracks.
    for (const connection of this.#connections) connection.destroy();
    this.#http.close();
  }

  #answer(request, response) {
    const now = Date.now();
    const answer = { nonce: toBase64url(new Uint8Array(40)), token: "token", exp: now + 900_000, now };
    let text = "";
    request.on("data", (chunk) => (text += chunk)).on("end", () => {
      this.calls.push({ path: request.url, body: text && JSON.parse(text) });
      response.end(JSON.stringify(answer));
    });
  }

  #opened(socket) {
    socket.on("message", (text) => {
      const [joinRef, ref, topic, event, payload] = JSON.parse(text);
      this.frames.push({ topic, event, payload });
      if (event === "phx_join") this.#joined.set(topic, { socket, joinRef });
      const listed = this.answers[event];
      let response = (typeof listed === "function" ? listed(payload, topic) : listed) ?? {};
      const status = response.error ? "error" : "ok";
      if (response.error) response = response.error;
      else if (event === "phx_join") response = { ...JOINED, nonce: toBase64url(new Uint8Array(32)), ...response };
      else if (event === "prove") response = { ...PROVEN, ...response };
      socket.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { status, response }]));
    });
  }
}
