/**
 * The records that this client keeps in its storage. Everything that must survive a crash goes
 * through here.
 */
import { randomId } from "./bytes.js";
import { isCardOfToday } from "./checks.js";
import { Clock } from "./clock.js";
import { VestibuleError } from "./errors.js";
import { requestKey } from "./ids.js";
import { SigningKey } from "./keys.js";
import { isPlainText } from "./plain-text.js";
import { RoomIndex } from "./room-index.js";
import { Sequence } from "./sequence.js";
import { JsonStorage } from "./json-storage.js";

/**
 * An open request of this user: stored before it is sent, and kept until its approve is acked or it
 * is withdrawn.
 *
 * @typedef {object} OpenRequest
 * @property {string} request_id the frame's id, or that of another device's earlier request for the
 *   same box
 * @property {any} frame the signed payload of the `request` event, repeated unchanged
 * @property {{private: string, pub: string}} box
 * @property {boolean} [withdrawn] the user has withdrawn it, but the server has not answered yet
 * @property {boolean} [resynced] the server was restored from a backup since, and may have lost the
 *   room
 */

/**
 * An approve by this user: kept until it expires, so that the user is not asked twice.
 *
 * @typedef {object} SentApprove
 * @property {number} exp
 * @property {"sending" | "stored" | "saved" | "nacked"} state `stored` by the server, `saved` by
 *   the newcomer
 * @property {any} [frame] the signed payload of the `approve` event, until its receipt arrives
 * @property {number} nacks how many approves of the request the newcomer could not use
 */

/**
 * The position up to which a topic's notices were handled.
 *
 * @typedef {object} Seen
 * @property {string} epoch
 * @property {number} seq
 */

/**
 * The approve that brought a room key.
 *
 * @typedef {object} KeySource
 * @property {string} request_id this user's request
 * @property {string} approve_id the approve of that request
 */

/**
 * A room that the storage knows.
 *
 * @typedef {object} KnownRoom
 * @property {string} rid
 * @property {string} [name] from the newest card seen
 * @property {import("./checks.js").Policy} [policy] from the same card
 * @property {boolean} hasKey whether this user is a member
 * @property {boolean} asked whether there is an open request for the key
 */

/**
 * How many ended requests are kept. A server allows a user eight open requests in one room,
 * including denied ones. A server that lies about endings causes more, and these must not push out
 * the first.
 */
const MAX_ENDED = 32;

/** Reads and writes records by name. */
export class Records {
  #storage;
  #clock;
  #index;
  /** Changes the lists of approves one at a time: each change reads a list and writes it back. */
  #approveSteps = new Sequence();
  /** Changes open requests one at a time, for the same reason. */
  #requestSteps = new Sequence();

  /**
   * @param {import("./storage.js").Storage} storage
   * @param {Clock} [clock] decides which records have expired
   */
  constructor(storage, clock = new Clock()) {
    this.#storage = new JsonStorage(storage);
    this.#clock = clock;
    this.#index = new RoomIndex(this.#storage);
  }

  /**
   * Stops writing: the next connection may use the storage.
   *
   * @param {VestibuleError} error rejects later writes
   * @returns {Promise<unknown> | null} when pending writes are done; null if none is pending
   */
  close(error) {
    return this.#storage.close(error);
  }

  /**
   * @param {import("./keys.js").SignAlg} [alg] for a new user; default: by platform
   * @param {SigningKey} [given] the user that the storage must belong to, such as the one of
   *   another device
   * @returns {Promise<SigningKey>} the user's key, created if missing
   */
  async user(alg, given) {
    const stored = await this.#storage.read("user");
    if (stored) {
      const user = await SigningKey.fromStored(stored);
      if (given && !user.equals(given)) throw new VestibuleError("bad_storage", "it belongs to another user");
      return user;
    }
    const user = given ?? (await SigningKey.generate(alg));
    await this.#storage.write("user", user.toStored());
    return user;
  }

  /** @returns {Promise<string>} the id of this device, created if missing */
  async device() {
    const stored = await this.#storage.read("device");
    if (stored) return stored;
    const device = randomId();
    await this.#storage.write("device", device);
    return device;
  }

  /** @returns {Promise<KnownRoom[]>} the rooms whose key is stored or was requested */
  async rooms() {
    const rooms = await Promise.all((await this.#index.list()).map((rid) => this.#knownRoom(rid)));
    return rooms.filter(({ hasKey, asked }) => hasKey || asked);
  }

  async #knownRoom(rid) {
    const stored = [this.#storage.read(`room/${rid}/key`), this.openRequest(rid), this.card(rid)];
    const [key, open, card] = await Promise.all(stored);
    const room = { rid, hasKey: key !== null, asked: key === null && open !== null && !open.withdrawn };
    if (!card) return room;
    const { policy, name } = card;
    return name && isPlainText(name) ? { ...room, policy, name } : { ...room, policy };
  }

  /**
   * Adds the room to the index: older clients did not, and not every storage can list its names.
   *
   * @param {string} rid of an opened room
   */
  async noteRoom(rid) {
    const { hasKey, asked } = await this.#knownRoom(rid);
    if (hasKey || asked) await this.#index.add(rid);
  }

  /**
   * @param {string} rid
   * @returns {Promise<SigningKey | null>}
   */
  async roomKey(rid) {
    const stored = await this.#storage.read(`room/${rid}/key`);
    return stored && SigningKey.fromStored(stored);
  }

  /**
   * @param {string} rid
   * @returns {Promise<SigningKey>} the room key; rejects with `not_member` if it is missing
   */
  async memberKey(rid) {
    const key = await this.roomKey(rid);
    if (!key) throw new VestibuleError("not_member", "the room's key is not in the storage");
    return key;
  }

  /**
   * @param {string} rid
   * @param {SigningKey} key
   * @param {KeySource} [source] absent for a key that this client created
   */
  async saveRoomKey(rid, key, source) {
    if (!this.#index.has(rid)) await this.#index.add(rid);
    await this.#storage.write(`room/${rid}/key`, { ...key.toStored(), ...source });
  }

  /**
   * @param {string} rid
   * @param {KeySource} source
   * @returns {Promise<boolean>} whether the room key came from this very approve
   */
  async isRoomKeyFrom(rid, { request_id, approve_id }) {
    const key = await this.#storage.read(`room/${rid}/key`);
    // Older clients stored only the request, and this approve of it may not be the good one.
    return Boolean(key?.approve_id) && key.approve_id === approve_id && key.request_id === request_id;
  }

  /**
   * @param {string} rid
   * @returns {Promise<import("./checks.js").Card | null>} the newest card of the room that this
   *   client has seen
   */
  async card(rid) {
    const card = await this.#storage.read(`room/${rid}/card`);
    // Version 0.1.0 accepted any version. One in the future would block every later card.
    return card && isCardOfToday(card, this.#clock.now()) ? card : null;
  }

  /** @param {import("./checks.js").Card} card */
  async saveCard(card) {
    await this.#storage.write(`room/${card.rid}/card`, card);
  }

  /**
   * @param {string} rid
   * @returns {Promise<OpenRequest | null>}
   */
  openRequest(rid) {
    return this.#storage.read(`room/${rid}/request`);
  }

  /**
   * @param {string} rid
   * @param {OpenRequest} request
   */
  async saveOpenRequest(rid, request) {
    if (!this.#index.has(rid)) await this.#index.add(rid);
    await this.#storage.write(`room/${rid}/request`, request);
  }

  /**
   * @param {string} rid
   * @param {(open: OpenRequest) => OpenRequest} change changes the open request, if there is one
   * @returns {Promise<OpenRequest | null>} the request after the change
   */
  changeOpenRequest(rid, change) {
    return this.#requestSteps.run(async () => {
      const open = await this.openRequest(rid);
      const after = open && change(open);
      if (after && after !== open) await this.saveOpenRequest(rid, after);
      return after;
    });
  }

  /** @param {string} rid */
  async deleteOpenRequest(rid) {
    await this.#storage.delete(`room/${rid}/request`);
  }

  /**
   * @param {string} rid
   * @returns {Promise<OpenRequest[]>} requests that have ended by somebody's word and may still be
   *   approved because they have not expired
   */
  async endedRequests(rid) {
    const stored = (await this.#storage.read(endedName(rid))) ?? [];
    // Older clients kept only the last one.
    return [stored].flat().filter(({ frame }) => !this.#clock.isSurelyPast(frame.exp));
  }

  /**
   * Keeps a request that has ended by somebody's word, with its box, in case an approve still
   * arrives.
   *
   * @param {string} rid
   * @param {OpenRequest} request
   */
  async keepEnded(rid, request) {
    const others = await this.#endedExcept(rid, request.request_id);
    await this.#storage.write(endedName(rid), [...others, request].slice(-MAX_ENDED));
  }

  /**
   * Ends the open request by somebody's word, so that a new one may replace it.
   *
   * @param {string} rid
   * @param {OpenRequest} request
   */
  async endOpenRequest(rid, request) {
    await this.keepEnded(rid, request);
    await this.deleteOpenRequest(rid);
  }

  /**
   * @param {string} rid
   * @param {string} [requestId] the request to delete, besides all expired ones
   */
  async deleteEnded(rid, requestId) {
    const stored = [(await this.#storage.read(endedName(rid))) ?? []].flat();
    const others = await this.#endedExcept(rid, requestId);
    if (others.length === stored.length) return;
    if (others.length > 0) await this.#storage.write(endedName(rid), others);
    else await this.#storage.delete(endedName(rid));
  }

  async #endedExcept(rid, requestId) {
    return (await this.endedRequests(rid)).filter(({ request_id }) => request_id !== requestId);
  }

  /**
   * @param {string} rid
   * @param {string} requestId
   * @returns {Promise<boolean>} whether this device made the request: it is open, has ended, or
   *   brought the room key
   */
  async isOwnRequest(rid, requestId) {
    const key = await this.#storage.read(`room/${rid}/key`);
    const own = [key, await this.openRequest(rid), ...(await this.endedRequests(rid))];
    return own.some((asked) => asked?.request_id === requestId);
  }

  /**
   * @param {string | null} rid null for the inbox
   * @returns {Promise<Seen | null>}
   */
  seen(rid) {
    return this.#storage.read(rid ? `room/${rid}/seen` : "seen");
  }

  /**
   * @param {string | null} rid null for the inbox
   * @param {Seen} seen
   */
  async saveSeen(rid, seen) {
    await this.#storage.write(rid ? `room/${rid}/seen` : "seen", seen);
  }

  /**
   * @param {string} rid
   * @returns {Promise<Map<string, SentApprove>>} by request key, see {@link requestKey}
   */
  sentApproves(rid) {
    return this.#approveSteps.run(() => this.#approves(rid));
  }

  /**
   * @param {string} rid
   * @param {string} key of the request
   * @returns {Promise<SentApprove | undefined>}
   */
  async sentApprove(rid, key) {
    return approveIn(await this.sentApproves(rid), key);
  }

  /**
   * @param {string} rid
   * @param {string} key of the request
   * @param {SentApprove | null} approve null deletes it
   * @returns {Promise<void>}
   */
  async saveSentApprove(rid, key, approve) {
    await this.changeSentApprove(rid, key, () => approve);
  }

  /**
   * @param {string} rid
   * @param {string} key of the request
   * @param {(sent: SentApprove | undefined) => SentApprove | null | undefined} change returns the
   *   same object to leave it unchanged, and null to delete it
   * @returns {Promise<SentApprove | undefined>} the approve before the change
   */
  async changeSentApprove(rid, key, change) {
    return this.#approveSteps.run(async () => {
      const approves = await this.#approves(rid);
      const before = approveIn(approves, key);
      const after = change(before);
      if (after === before) return before;
      if (after) approves.set(key, after);
      else approves.delete(key);
      await this.#storage.write(`room/${rid}/approves`, Object.fromEntries(approves));
      return before;
    });
  }

  /**
   * @returns {Promise<Map<string, SentApprove>>} without expired ones, or the list would grow for
   *   ever
   */
  async #approves(rid) {
    const stored = Object.entries((await this.#storage.read(`room/${rid}/approves`)) ?? {});
    return new Map(stored.filter(([, { exp }]) => !this.#clock.isSurelyPast(exp)).map(withKey));
  }
}

/**
 * @param {string} rid
 * @returns {string} the record's name, from when only denied requests were kept
 */
function endedName(rid) {
  return `room/${rid}/denied`;
}

/**
 * Version 0.1.0 stored approves under the request's id alone. The frame names the requesting user.
 *
 * @param {[string, SentApprove]} entry as stored
 * @returns {[string, SentApprove]}
 */
function withKey([name, approve]) {
  return [approve.frame && !name.includes("/") ? requestKey(approve.frame.to, name) : name, approve];
}

/**
 * If 0.1.0 stored no frame, only the request's id is known, and the approve counts for any user's
 * request with that id.
 */
function approveIn(approves, key) {
  return approves.get(key) ?? approves.get(key.slice(key.indexOf("/") + 1));
}
