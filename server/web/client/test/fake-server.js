/**
 * A server that signs everybody in and answers each event from a table: for tests of the client as a whole, with
 * phoenix.js and a real socket. It checks nothing and keeps nothing.
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

  /** Whether sockets are opened at all. */
  opens = true;
  /** How many sockets were asked for. */
  upgrades = 0;
  /** What was said, in its order. @type {{topic: string, event: string, payload: any}[]} */
  heard = [];
  /** The HTTP calls. @type {{path: string, body: any}[]} */
  calls = [];
  /** By event: what to answer with, or a function of payload and topic; `{error}` refuses. */
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

  /** Pushes to the last who joined the topic. */
  push(topic, event, payload) {
    const { socket, joinRef } = this.#joined.get(topic);
    socket.send(JSON.stringify([joinRef, null, topic, event, payload]));
  }

  /** Sends it as it is, to everybody. */
  say(text) {
    for (const socket of this.#sockets.clients) socket.send(text);
  }

  /** @returns {any[]} the payloads of one event */
  said(event, topic) {
    const fits = (frame) => frame.event === event && (!topic || frame.topic === topic);
    return this.heard.filter(fits).map(({ payload }) => payload);
  }

  /** The connection is lost; phoenix.js makes a new one. */
  hangUp() {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  end() {
    // Also those that were never answered, which the HTTP server does not know any more.
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
      this.heard.push({ topic, event, payload });
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
