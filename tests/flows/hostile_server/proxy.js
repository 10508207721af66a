/**
 * A server that lies: a proxy in front of the real one. It forwards everything unchanged except
 * what a test makes it change, and records everything. It keeps the Host header, which is the real
 * server's name.
 */
import { cp } from "node:fs/promises";
import { createServer, request as ask } from "node:http";
import { join } from "node:path";
import WebSocket, { WebSocketServer } from "ws";
import { Server } from "../support.js";

/**
 * A message of the socket, decoded.
 *
 * @typedef {object} Frame
 * @property {"out" | "in"} way from the client's point of view
 * @property {string | null} uid the connection's user, once its inbox is joined
 * @property {string | null} joinRef
 * @property {string | null} ref
 * @property {string} topic
 * @property {string} event
 * @property {any} payload
 * @property {string} [answers] of a reply: the event that it answers
 * @property {(response: object) => void} [answer] for a frame to the server: replies in the real
 *   server's place
 */

/**
 * Functions that may change messages on their way.
 *
 * @typedef {object} Lie
 * @property {(frame: Frame) => unknown} [toClient] returns false to withhold the frame
 * @property {(frame: Frame) => unknown} [toServer] likewise
 * @property {(reply: HttpReply) => unknown} [http] changes an HTTP response
 * @property {(target: Target) => unknown} [route] redirects an HTTP request or a new socket
 *
 * @typedef {{method: string, path: string, status: number, answer: any}} HttpReply
 * @typedef {{path: string, url: string, headers: Record<string, any>}} Target
 */

/** The real server and the proxy in front of it. */
export class HostileServer {
  /** All frames in order; those to clients as changed by lies. @type {Frame[]} */
  frames = [];
  /** Everything that clients sent, unchanged. @type {string[]} */
  left = [];
  #real;
  #http = createServer((request, response) => this.#call(request, response));
  #upgrades = new WebSocketServer({ noServer: true, handleProtocols: ([first]) => first });
  /** @type {Set<{lie: Lie, to?: string}>} */
  #lies = new Set();
  #connections = new Set();

  /** Use {@link HostileServer.begin}. */
  constructor() {
    this.#http.on("upgrade", (request, socket, head) => {
      this.#upgrades.handleUpgrade(request, socket, head, (client) => this.#connect(request, client));
    });
  }

  /** @returns {Promise<HostileServer>} when it listens */
  static async begin() {
    const hostile = new HostileServer();
    await new Promise((listening) => hostile.#http.listen(0, "127.0.0.1", listening));
    hostile.#real = await Server.begin(() => ["--name", new URL(hostile.url).host]);
    return hostile;
  }

  /** @returns {string} the URL that clients use as the server */
  get url() {
    return `http://127.0.0.1:${this.#http.address().port}`;
  }

  /**
   * @param {string[]} [options]
   * @returns {Promise<Server>} another server that accepts the real one's tokens
   */
  twin(options = []) {
    return Server.begin(async (folder) => {
      await cp(join(this.#real.folder, "server/secrets"), join(folder, "server/secrets"));
      return options;
    });
  }

  /**
   * @param {Lie} lie
   * @param {string} [to] the uid whose frames to change; default: everybody's
   * @returns {() => void} ends the lie
   */
  lie(lie, to) {
    const entry = { lie, to };
    this.#lies.add(entry);
    return () => this.#lies.delete(entry);
  }

  /**
   * Pushes an event of the proxy's own.
   *
   * @param {string} uid of the receiving user
   * @param {string} topic
   * @param {string} event
   * @param {any} payload
   */
  push(uid, topic, event, payload) {
    const meant = [...this.#connections].filter((connection) => connection.uid === uid);
    for (const { client } of meant) client.send(JSON.stringify([null, null, topic, event, payload]));
  }

  /**
   * @param {string} uid
   * @param {string} event
   * @returns {any[]} the payloads that this user's clients sent
   */
  sentBy(uid, event) {
    const isIt = (frame) => frame.way === "out" && frame.uid === uid && frame.event === event;
    return this.frames.filter(isIt).map(({ payload }) => payload);
  }

  /**
   * @param {string} event
   * @returns {any[]} the payloads pushed to any client
   */
  pushed(event) {
    const isIt = (frame) => frame.way === "in" && frame.event === event;
    return this.frames.filter(isIt).map(({ payload }) => payload);
  }

  async end() {
    for (const { client, real } of this.#connections) for (const socket of [client, real]) socket.terminate();
    this.#http.closeAllConnections();
    await new Promise((closed) => this.#http.close(closed));
    await this.#real.end();
  }

  async #call(request, response) {
    const { method, url: path, headers } = request;
    const body = await textOf(request);
    this.left.push(`${method} ${path}`, JSON.stringify(headers), body);
    const target = await this.#applyLies("route", { path, url: this.#real.url, headers: { ...headers } });
    const real = await new Promise((resolve, reject) => {
      ask(target.url + path, { method, headers: target.headers }, resolve).once("error", reject).end(body);
    });
    const reply = { method, path, status: real.statusCode, answer: JSON.parse(await textOf(real)) };
    await this.#applyLies("http", reply);
    response.writeHead(reply.status, { "content-type": "application/json" }).end(JSON.stringify(reply.answer));
  }

  async #connect({ url: path, headers }, client) {
    this.left.push(path, JSON.stringify(headers));
    const connection = { client, real: null, uid: null, events: new Map() };
    const early = [];
    // Frames that arrive before the real server is connected wait for it.
    let out = new Promise((open) => early.push(open));
    client.on("message", (data) => (out = out.then(() => this.#leaves(connection, data.toString()))));
    const target = await this.#applyLies("route", { path, url: this.#real.url, headers });
    const { host, origin, "sec-websocket-protocol": protocols } = target.headers;
    const kept = origin ? { host, origin } : { host };
    const offered = protocols?.split(",").map((name) => name.trim()) ?? [];
    const real = new WebSocket(target.url.replace("http", "ws") + path, offered, { headers: kept });
    connection.real = real;
    this.#connections.add(connection);
    let into = Promise.resolve();
    real.on("message", (data) => (into = into.then(() => this.#arrives(connection, data.toString()))));
    real.on("open", early[0]);
    real.on("error", () => client.terminate());
    real.on("close", () => client.close());
    client.on("close", () => {
      this.#connections.delete(connection);
      // Earlier frames must still arrive.
      out.finally(() => real.close());
    });
  }

  async #leaves(connection, text) {
    this.left.push(text);
    const [joinRef, ref, topic, event, payload] = JSON.parse(text);
    if (event === "phx_join" && topic.startsWith("user:")) connection.uid = topic.slice("user:".length);
    connection.events.set(ref, event);
    const answer = (response) => {
      connection.client.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "ok", response }]));
    };
    const frame = { way: "out", uid: connection.uid, joinRef, ref, topic, event, payload, answer };
    await this.#pass("toServer", frame, connection.real);
  }

  async #arrives(connection, text) {
    const [joinRef, ref, topic, event, payload] = JSON.parse(text);
    const answers = event === "phx_reply" ? connection.events.get(ref) : undefined;
    const frame = { way: "in", uid: connection.uid, joinRef, ref, topic, event, payload, answers };
    await this.#pass("toClient", frame, connection.client);
  }

  async #pass(way, frame, socket) {
    // Recorded before lies, which may change the frame but not what the client sent.
    if (way === "toServer") this.frames.push({ ...frame });
    for (const { lie, to } of this.#lies) {
      if ((to ?? frame.uid) === frame.uid && (await lie[way]?.(frame)) === false) return;
    }
    if (way === "toClient") this.frames.push(frame);
    if (socket.readyState !== WebSocket.OPEN) return;
    const { joinRef, ref, topic, event, payload } = frame;
    socket.send(JSON.stringify([joinRef, ref, topic, event, payload]));
  }

  async #applyLies(how, message) {
    for (const { lie } of this.#lies) await lie[how]?.(message);
    return message;
  }
}

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
