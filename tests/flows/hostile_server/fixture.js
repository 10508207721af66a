/**
 * The hostile server of a test file and its users: people with an unmodified reference client, and
 * Mallory, the server's own user.
 */
import { after, before } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { BoxKey, SigningKey, toBase64url, uidOf } from "vestibule-client/protocol";
import WebSocket from "ws";
import { roomKeyIn, storageOfMember } from "../fixture.js";
import { within } from "../support.js";
import { HostileServer } from "./proxy.js";

/** Short, because phoenix.js waits this long for replies to pushes sent before a disconnect. */
const socketOptions = { timeout: 2000 };

/** Somebody with a device, connected or not. */
export class Somebody {
  /** The messages of all warnings. @type {string[]} */
  warnings = [];
  /** @type {Vestibule} */
  client;
  #server;

  constructor(server, storage) {
    this.#server = server;
    /** @type {MemoryStorage} */
    this.storage = storage;
  }

  /** @param {object} [options] further options */
  async connect(options) {
    const onWarning = (warning) => this.warnings.push(warning.message);
    const all = { storage: this.storage, transport: WebSocket, socketOptions, onWarning, ...options };
    this.client = await within("connected", Vestibule.connect(this.#server.url, all));
    return this;
  }

  /** Restarts the device's client: it knows only what is stored. */
  async restart() {
    await this.client.disconnect();
    return this.connect();
  }

  /** @returns {string} */
  get uid() {
    return this.client.uid;
  }

  /** @returns {any} the room's key as stored; null if it is missing */
  keyOf(rid) {
    return JSON.parse(this.storage.get(`room/${rid}/key`));
  }
}

/** The hostile server of one test file, and everybody who uses it. */
export class HostileFixture {
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
   * @returns {Promise<{alice: Somebody, garden: any, rid: string, roomKey: SigningKey}>} Alice's
   *   room
   */
  async room(policy = "request") {
    const alice = await this.somebody().connect();
    const garden = await alice.client.createRoom({ name: "Garden", policy });
    const roomKey = await roomKeyIn(alice.storage, garden.rid);
    return { alice, garden, rid: garden.rid, roomKey };
  }

  /** @returns {Promise<Somebody>} another member, not yet connected */
  member({ alice, rid }) {
    return this.somebody(storageOfMember(alice.storage, rid));
  }
}

/**
 * @returns {Promise<object>} the server's own user, with every kind of key that the server can make
 */
export async function mallory() {
  const key = await SigningKey.generate();
  const uid = await uidOf(key.alg, key.pub);
  return { key, uid, signer: { sign_pub: toBase64url(key.pub), sign_alg: key.alg }, box: await BoxKey.generate() };
}

/**
 * @param {string} text base64url
 * @returns {string} a different value of the same length
 */
export function altered(text) {
  return (text[0] === "A" ? "B" : "A") + text.slice(1);
}

/**
 * @param {object} fields
 * @returns {(item: object) => object} a swap that replaces these fields
 */
export function withFields(fields) {
  return (item) => Object.assign(item, fields);
}

/**
 * Replaces each item of a list.
 *
 * @param {any[]} items
 * @param {(item: any) => any} swap
 */
export async function swapAll(items, swap) {
  for (const index of items.keys()) items[index] = await swap(items[index]);
}
