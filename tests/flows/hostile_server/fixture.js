/**
 * Who meets the hostile server: Alice, who has a room, Bob, who wants in, both with the reference client as it is, and
 * Mallory, who is the server's own user.
 */
import { after, before } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { BoxKey, SigningKey, fromBase64url, toBase64url, uidOf } from "vestibule-client/protocol";
import WebSocket from "ws";
import { within } from "../support.js";
import { HostileServer } from "./proxy.js";

/** Short, because phoenix.js waits so long for the answer to what was said before a disconnect. */
const socketOptions = { timeout: 2000 };

/** Somebody with a device, who is connected or not. */
export class Somebody {
  /** Reason and detail of each. @type {string[]} */
  warnings = [];
  /** @type {Vestibule} */
  client;
  #server;

  constructor(server, storage) {
    this.#server = server;
    /** @type {MemoryStorage} */
    this.storage = storage;
  }

  /** @param {object} [options] more of them */
  async connect(options) {
    const onWarning = (warning) => this.warnings.push(warning.message);
    const all = { storage: this.storage, transport: WebSocket, socketOptions, onWarning, ...options };
    this.client = await within("connected", Vestibule.connect(this.#server.url, all));
    return this;
  }

  /** The same device again, with a page of its own: all it knows is what is stored. */
  async comeBack() {
    await this.client.disconnect();
    return this.connect();
  }

  /** @returns {string} */
  get uid() {
    return this.client.uid;
  }

  /** @returns {any} the room's key as it is stored, null where it is not */
  keyOf(rid) {
    return JSON.parse(this.storage.get(`room/${rid}/key`));
  }
}

/** The hostile server of one test file, and everybody there. */
export class Stage {
  /** @type {HostileServer} */
  server;
  #people = [];

  constructor() {
    before(async () => {
      this.server = await HostileServer.begin();
    });
    after(async () => {
      await Promise.all(this.#people.map(({ client }) => client?.disconnect()));
      await this.server.end();
    });
  }

  /** @returns {Somebody} not yet connected */
  somebody(storage = new MemoryStorage()) {
    const somebody = new Somebody(this.server, storage);
    this.#people.push(somebody);
    return somebody;
  }

  /**
   * @param {"open" | "request" | "secret"} [policy]
   * @returns {Promise<{alice: Somebody, garden: any, rid: string, roomKey: SigningKey}>} Alice's room
   */
  async room(policy = "request") {
    const alice = await this.somebody().connect();
    const garden = await alice.client.createRoom({ name: "Garden", policy });
    const { alg, private: secret } = alice.keyOf(garden.rid);
    const roomKey = await SigningKey.fromPrivate(alg, fromBase64url(secret));
    return { alice, garden, rid: garden.rid, roomKey };
  }

  /** @returns {Promise<Somebody>} another member, not yet connected */
  member({ alice, rid }) {
    const storage = new MemoryStorage();
    storage.set(`room/${rid}/key`, alice.storage.get(`room/${rid}/key`));
    return this.somebody(storage);
  }
}

/** @returns {Promise<object>} the server's own user, with all the keys that the server can make */
export async function mallory() {
  const key = await SigningKey.generate();
  const uid = await uidOf(key.alg, key.pub);
  return { key, uid, signer: { sign_pub: toBase64url(key.pub), sign_alg: key.alg }, box: await BoxKey.generate() };
}

/**
 * @param {string} text base64url
 * @returns {string} the same length, another value
 */
export function other(text) {
  return (text[0] === "A" ? "B" : "A") + text.slice(1);
}
