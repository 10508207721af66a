/**
 * A server that lies: a proxy in front of the real one. It passes on everything as it is, but for what a test has it
 * say otherwise, and writes down what it sees. The host that clients address is kept, and is the real server's name.
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
 * @property {"out" | "in"} way as the client sees it
 * @property {string | null} uid whose connection it is, once its inbox is joined
 * @property {string | null} joinRef
 * @property {string | null} ref
 * @property {string} topic
 * @property {string} event
 * @property {any} payload
 * @property {string} [answers] of a reply: the event it answers
 * @property {(response: object) => void} [answer] to one on its way out: answers it in the real server's stead
 */

/**
 * What is done to messages on their way; whatever it is handed it may change.
 *
 * @typedef {object} Lie
 * @property {(frame: Frame) => unknown} [toClient] gives false to keep the frame back
 * @property {(frame: Frame) => unknown} [toServer] the same
 * @property {(told: {method: string, path: string, status: number, answer: any}) => unknown} [http] an answer
 * @property {(asked: {path: string, url: string, headers: Record<string, any>}) => unknown} [route] where a call or a
 *   new socket goes
 */

/** The real server and the proxy in front of it. */
export class HostileServer {
  /** What clients said and were told, in order, after the lies. @type {Frame[]} */
  frames = [];
  /** All that left the clients, as it was. @type {string[]} */
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

  /** @returns {string} what clients take for the server */
  get url() {
    return `http://127.0.0.1:${this.#http.address().port}`;
  }

  /**
   * @param {string[]} [options]
   * @returns {Promise<Server>} another server, at which the tokens of the real one are good
   */
  twin(options = []) {
    return Server.begin(async (folder) => {
      await cp(join(this.#real.folder, "server/secrets"), join(folder, "server/secrets"));
      return options;
    });
  }

  /**
   * @param {Lie} lie
   * @param {string} [to] the uid whose frames are meant; everybody's without
   * @returns {() => void} back to the truth
   */
  lie(lie, to) {
    const told = { lie, to };
    this.#lies.add(told);
    return () => this.#lies.delete(told);
  }

  /**
   * Says something by itself.
   *
   * @param {string} uid to whom
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
   * @returns {any[]} payloads of what that user's clients said
   */
  said(uid, event) {
    const isIt = (frame) => frame.way === "out" && frame.uid === uid && frame.event === event;
    return this.frames.filter(isIt).map(({ payload }) => payload);
  }

  /**
   * @param {string} event
   * @returns {any[]} payloads of what anybody was pushed
   */
  heard(event) {
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
    const asked = await this.#tell("route", { path, url: this.#real.url, headers: { ...headers } });
    const real = await new Promise((resolve, reject) => {
      ask(asked.url + path, { method, headers: asked.headers }, resolve).once("error", reject).end(body);
    });
    const told = { method, path, status: real.statusCode, answer: JSON.parse(await textOf(real)) };
    await this.#tell("http", told);
    response.writeHead(told.status, { "content-type": "application/json" }).end(JSON.stringify(told.answer));
  }

  async #connect({ url: path, headers }, client) {
    this.left.push(path, JSON.stringify(headers));
    const connection = { client, real: null, uid: null, events: new Map() };
    const early = [];
    // What comes before the real server is reached waits for it.
    let out = new Promise((open) => early.push(open));
    client.on("message", (data) => (out = out.then(() => this.#leaves(connection, data.toString()))));
    const asked = await this.#tell("route", { path, url: this.#real.url, headers });
    const { host, origin, "sec-websocket-protocol": protocols } = asked.headers;
    const kept = origin ? { host, origin } : { host };
    const offered = protocols?.split(",").map((name) => name.trim()) ?? [];
    const real = new WebSocket(asked.url.replace("http", "ws") + path, offered, { headers: kept });
    connection.real = real;
    this.#connections.add(connection);
    let into = Promise.resolve();
    real.on("message", (data) => (into = into.then(() => this.#arrives(connection, data.toString()))));
    real.on("open", early[0]);
    real.on("error", () => client.terminate());
    real.on("close", () => client.close());
    client.on("close", () => {
      this.#connections.delete(connection);
      // What was said before is still to arrive.
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
    // Before the lie as well, which may change the frame but not that it was said.
    if (way === "toServer") this.frames.push({ ...frame });
    for (const { lie, to } of this.#lies) {
      if ((to ?? frame.uid) === frame.uid && (await lie[way]?.(frame)) === false) return;
    }
    if (way === "toClient") this.frames.push(frame);
    if (socket.readyState !== WebSocket.OPEN) return;
    const { joinRef, ref, topic, event, payload } = frame;
    socket.send(JSON.stringify([joinRef, ref, topic, event, payload]));
  }

  async #tell(how, message) {
    for (const { lie } of this.#lies) await lie[how]?.(message);
    return message;
  }
}

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
