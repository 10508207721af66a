/**
 * A user of a Phoenix client, with its sockets, channels and presences as promises and lists for
 * tests. Nothing of the client is replaced; only its public API is called.
 */
import { until, within } from "../../js/waiting.mjs";

/**
 * Short, so that clients reconnect soon after a restart. The client does the reconnecting.
 *
 * The delays grow: a client of Phoenix 1.2 joins again each time until a reply comes, and takes the
 * `phx_close` of a join that it replaced for the end of the channel. The server's reply must have
 * time to come, on a busy machine too.
 */
const QUICK = {
  reconnectAfterMs: sooner,
  rejoinAfterMs: sooner,
  heartbeatIntervalMs: 500,
  timeout: 5000,
};

/** @param {number} tries so far, at least 1 */
function sooner(tries) {
  return Math.min(20 * 2 ** tries, 1000);
}

/** A connection. */
export class Visitor {
  #client;
  #socket;
  #heartbeats = 0;
  #opened = 0;

  /**
   * @param {{Socket: any, Presence: any}} client the package's exports
   * @param {string} url
   * @param {object} options of the client's socket
   */
  constructor(client, url, options) {
    this.#client = client;
    this.#socket = new client.Socket(url, { ...QUICK, ...options });
    this.#socket.onOpen(() => (this.#opened += 1));
    this.#socket.onMessage((message) => {
      const { topic, payload } = message ?? {};
      if (topic === "phoenix" && payload?.status === "ok") this.#heartbeats += 1;
      return message;
    });
    this.#socket.connect();
  }

  /** @returns {number} the number of connections so far */
  get opened() {
    return this.#opened;
  }

  /**
   * @param {string} topic
   * @param {object} [params]
   * @returns {Channel} not joined yet
   */
  channel(topic, params = {}) {
    return new Channel(this.#client, this.#socket.channel(topic, params));
  }

  /** @returns {Promise<void>} when the next heartbeat is answered */
  async heartbeat() {
    const before = this.#heartbeats;
    await until("a heartbeat is answered", () => this.#heartbeats > before);
  }

  /** Cuts the connection, as a lost network does. The client connects again by itself. */
  cut() {
    this.#socket.conn.terminate();
  }

  /** @returns {Promise<void>} when the client reports that it is disconnected */
  async disconnect() {
    await within("disconnected", new Promise((resolve) => this.#socket.disconnect(resolve)));
  }
}

/** A channel of a {@link Visitor}. */
export class Channel {
  #client;
  #channel;
  #present = {};

  constructor(client, channel) {
    this.#client = client;
    this.#channel = channel;
    /** @type {number} the number of successful joins, including rejoins */
    this.joins = 0;
    /** @type {boolean} */
    this.closed = false;
    channel.onClose(() => (this.closed = true));
  }

  /** @returns {Promise<any>} the server's reply */
  join() {
    const join = this.#channel.join().receive("ok", () => (this.joins += 1));
    return answered("join", join);
  }

  /**
   * @param {string} event
   * @param {object | ArrayBuffer} payload
   * @returns {Promise<any>} the server's reply
   */
  push(event, payload = {}) {
    return answered(event, this.#channel.push(event, payload));
  }

  /**
   * Pushes without waiting for a reply.
   *
   * @param {string} event
   * @param {object} payload
   */
  send(event, payload) {
    this.#channel.push(event, payload);
  }

  /**
   * @param {string} event
   * @returns {any[]} the payloads of all pushes; the list keeps growing
   */
  heard(event) {
    const list = [];
    this.#channel.on(event, (payload) => void list.push(payload));
    return list;
  }

  /** Tracks presences with the client's own functions. */
  watchPresence() {
    const { Presence } = this.#client;
    // A class since Phoenix 1.4, two functions before.
    if (typeof Presence === "function") {
      const presence = new Presence(this.#channel);
      presence.onSync(() => (this.#present = Object.fromEntries(presence.list((key, entry) => [key, entry]))));
      return;
    }
    this.#channel.on("presence_state", (state) => (this.#present = Presence.syncState(this.#present, state)));
    this.#channel.on("presence_diff", (diff) => (this.#present = Presence.syncDiff(this.#present, diff)));
  }

  /** @returns {Record<string, string[]>} the devices of all present users */
  get present() {
    const devices = Object.entries(this.#present).map(([key, { metas }]) => [key, metas.map(({ device }) => device)]);
    return Object.fromEntries(devices);
  }

  /** @returns {Promise<void>} when the server has closed the channel */
  async leave() {
    await answered("leave", this.#channel.leave());
    await until("the channel is closed", () => this.closed);
  }
}

/**
 * @param {string} what
 * @param {any} push of the client
 * @returns {Promise<any>} the reply; rejects unless it is `ok`
 */
function answered(what, push) {
  const answer = new Promise((resolve, reject) => {
    const failed = (status) => (reply) => reject(new Error(`${what}: ${status} ${JSON.stringify(reply)}`));
    push.receive("ok", resolve).receive("error", failed("error")).receive("timeout", failed("timeout"));
  });
  return within(what, answer);
}
