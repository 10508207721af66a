/**
 * What this client keeps in its storage, by name. Everything that must outlive a crash goes through here.
 */
import { randomId } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { DEFAULT_ALG, SigningKey } from "./keys.js";

/**
 * An own open request: kept from before it is sent until its approve is acked, or it is withdrawn.
 *
 * @typedef {object} OpenRequest
 * @property {string} request_id
 * @property {object} frame the signed payload of the `request` event, to be repeated as it is
 * @property {{private: string, pub: string}} box
 * @property {boolean} [withdrawn] the user does not want it any more, but the server has not answered that yet
 */

/**
 * An own approve of somebody's request: kept until the approve expires, so that nobody is asked twice.
 *
 * @typedef {object} SentApprove
 * @property {number} exp
 * @property {object} [frame] the signed payload of the `approve` event, until the server has answered it
 */

/** Names and shapes on top of a storage. */
export class Records {
  #storage;
  /** Changes of the lists of approves, one after the other: each reads a list and writes it back. */
  #approvesTurn = Promise.resolve();

  /** @param {import("./storage.js").Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * @param {import("./keys.js").SignAlg} [alg] for a new user
   * @returns {Promise<SigningKey>} the user's key, made now if there is none
   */
  async user(alg = DEFAULT_ALG) {
    const stored = await this.#read("user");
    if (stored) return SigningKey.fromStored(stored);
    const user = await SigningKey.generate(alg);
    await this.#write("user", user.toStored());
    return user;
  }

  /** @returns {Promise<string>} the id of this device, made now if there is none */
  async device() {
    const stored = await this.#read("device");
    if (stored) return stored;
    const device = randomId();
    await this.#write("device", device);
    return device;
  }

  /**
   * @param {string} rid
   * @returns {Promise<SigningKey | null>}
   */
  async roomKey(rid) {
    const stored = await this.#read(`room/${rid}/key`);
    return stored && SigningKey.fromStored(stored);
  }

  /**
   * @param {string} rid
   * @param {SigningKey} key
   */
  async saveRoomKey(rid, key) {
    await this.#write(`room/${rid}/key`, key.toStored());
  }

  /**
   * @param {string} rid
   * @returns {Promise<OpenRequest | null>}
   */
  openRequest(rid) {
    return this.#read(`room/${rid}/request`);
  }

  /**
   * @param {string} rid
   * @param {OpenRequest} request
   */
  async saveOpenRequest(rid, request) {
    await this.#write(`room/${rid}/request`, request);
  }

  /** @param {string} rid */
  async deleteOpenRequest(rid) {
    await this.#storage.delete(`room/${rid}/request`);
  }

  /**
   * @param {string} rid
   * @param {string} requestId
   * @returns {Promise<SentApprove | undefined>}
   */
  async sentApprove(rid, requestId) {
    await this.#approvesTurn;
    return (await this.#approves(rid)).get(requestId);
  }

  /**
   * @param {string} rid
   * @param {string} requestId
   * @param {SentApprove | null} approve null takes it out
   * @returns {Promise<void>}
   */
  async saveSentApprove(rid, requestId, approve) {
    const change = async () => {
      const approves = await this.#approves(rid);
      if (approve) approves.set(requestId, approve);
      else approves.delete(requestId);
      await this.#write(`room/${rid}/approves`, Object.fromEntries(approves));
    };
    const changed = this.#approvesTurn.then(change);
    this.#approvesTurn = changed.catch(() => {});
    await changed;
  }

  /** @returns {Promise<Map<string, SentApprove>>} without the expired ones, or the list would grow for ever */
  async #approves(rid) {
    const stored = Object.entries((await this.#read(`room/${rid}/approves`)) ?? {});
    return new Map(stored.filter(([, approve]) => approve.exp > Date.now()));
  }

  async #read(name) {
    const text = await this.#storage.get(name);
    if (text === null || text === undefined) return null;
    try {
      return JSON.parse(text);
    } catch {
      // Never the text itself: it may hold a key.
      throw new VestibuleError("bad_storage", `${name} is no JSON`);
    }
  }

  async #write(name, value) {
    await this.#storage.set(name, JSON.stringify(value));
  }
}
