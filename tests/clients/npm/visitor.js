/**
 * Somebody with a Phoenix client: its sockets, channels and presences as promises and lists, so that a test reads as a
 * story. Nothing of the client is replaced; only its public API is called.
 */
import { until, within } from "../../js/waiting.mjs";

/** Short, so that a server that comes back is found in a test's time. The client does the reconnecting. */
const QUICK = {
  reconnectAfterMs: () => 20,
  rejoinAfterMs: () => 20,
  heartbeatIntervalMs: 500,
  timeout: 5000,
};

/** One connection. */
export class Visitor {
  #client;
  #socket;
  #heartbeats = 0;
  #opened = 0;

  /**
   * @param {{Socket: any, Presence: any}} client what the package exports
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

  /** @returns {number} how often the client connected */
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

  /** @returns {Promise<void>} when the client has had a heartbeat answered that it sent from now on or just before */
  async heartbeat() {
    const before = this.#heartbeats;
    await until("a heartbeat is answered", () => this.#heartbeats > before);
  }

  /** @returns {Promise<void>} when the client says that it is disconnected */
  async disconnect() {
    await within("disconnected", new Promise((resolve) => this.#socket.disconnect(resolve)));
  }
}

/** One channel of a {@link Visitor}. */
export class Channel {
  #client;
  #channel;
  #present = {};

  constructor(client, channel) {
    this.#client = client;
    this.#channel = channel;
    /** @type {number} how often it was let in, first and after each reconnect */
    this.joins = 0;
    /** @type {boolean} */
    this.closed = false;
    channel.onClose(() => (this.closed = true));
  }

  /** @returns {Promise<any>} the server's answer */
  join() {
    const join = this.#channel.join().receive("ok", () => (this.joins += 1));
    return answered("join", join);
  }

  /**
   * @param {string} event
   * @param {object | ArrayBuffer} payload
   * @returns {Promise<any>} the server's answer
   */
  push(event, payload = {}) {
    return answered(event, this.#channel.push(event, payload));
  }

  /**
   * @param {string} event
   * @returns {any[]} what came so far and, as the list grows, what comes
   */
  heard(event) {
    const list = [];
    this.#channel.on(event, (payload) => void list.push(payload));
    return list;
  }

  /** Keeps track of who is there, with the client's own means. */
  watchPresence() {
    const { Presence } = this.#client;
    // Before Phoenix 1.4 it was two functions, since then it is a class.
    if (typeof Presence === "function") {
      const presence = new Presence(this.#channel);
      presence.onSync(() => (this.#present = Object.fromEntries(presence.list((key, entry) => [key, entry]))));
      return;
    }
    this.#channel.on("presence_state", (state) => (this.#present = Presence.syncState(this.#present, state)));
    this.#channel.on("presence_diff", (diff) => (this.#present = Presence.syncDiff(this.#present, diff)));
  }

  /** @returns {Record<string, string[]>} the devices of whoever is there */
  get present() {
    const devices = Object.entries(this.#present).map(([key, { metas }]) => [key, metas.map(({ device }) => device)]);
    return Object.fromEntries(devices);
  }

  /** @returns {Promise<void>} when the server has let go */
  async leave() {
    await answered("leave", this.#channel.leave());
    await until("the channel is closed", () => this.closed);
  }
}

/**
 * @param {string} what
 * @param {any} push of the client
 * @returns {Promise<any>} rejected by any answer but ok
 */
function answered(what, push) {
  const answer = new Promise((resolve, reject) => {
    const failed = (status) => (reply) => reject(new Error(`${what}: ${status} ${JSON.stringify(reply)}`));
    push.receive("ok", resolve).receive("error", failed("error")).receive("timeout", failed("timeout"));
  });
  return within(what, answer);
}
