/** A server for all tests of a file, and the clients that connect to it. */
import { after, before } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { SigningKey, fromBase64url } from "vestibule-client/protocol";
import WebSocket from "ws";
import { PhoenixUser } from "./phoenix_user.js";
import { Server, within } from "./support.js";

/** Starts the server before the tests; afterwards disconnects all clients and ends the server. */
export class Fixture {
  /** @type {Server} */
  server;
  #clients = [];

  /** @param {Parameters<typeof Server.begin>[0]} [options] of the server */
  constructor(options) {
    before(async () => (this.server = await Server.begin(options)));
    after(async () => {
      await Promise.all(this.#clients.map((client) => client.disconnect()));
      await this.server.end();
    });
  }

  /**
   * Connects a reference client.
   *
   * @param {Partial<import("vestibule-client").ConnectOptions>} [options]
   * @returns {Promise<{client: Vestibule, storage: MemoryStorage, warnings: Error[]}>}
   */
  async connect({ storage = new MemoryStorage(), ...options } = {}) {
    const warnings = [];
    const onWarning = (warning) => warnings.push(warning);
    const all = { storage, transport: WebSocket, onWarning, ...options };
    const client = await within("connected", Vestibule.connect(this.server.url, all));
    this.#clients.push(client);
    return { client, storage, warnings };
  }

  /** @returns {Promise<PhoenixUser>} a connected user with phoenix.js alone */
  async connectPhoenix() {
    const user = await PhoenixUser.connect(this.server);
    this.#clients.push(user);
    return user;
  }
}

/**
 * @param {MemoryStorage} storage of a member
 * @param {string} rid
 * @returns {Promise<SigningKey>} the room's key
 */
export function roomKeyIn(storage, rid) {
  const { alg, private: secret } = JSON.parse(storage.get(`room/${rid}/key`));
  return SigningKey.fromPrivate(alg, fromBase64url(secret));
}

/**
 * @param {MemoryStorage} storage of a member
 * @param {string} rid
 * @returns {MemoryStorage} a storage of another member of the room
 */
export function storageOfMember(storage, rid) {
  const other = new MemoryStorage();
  other.set(`room/${rid}/key`, storage.get(`room/${rid}/key`));
  return other;
}
