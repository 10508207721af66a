/**
 * What this client keeps in its storage, by name. Everything that must outlive a crash goes through here.
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
 * An own open request: kept from before it is sent until its approve is acked, or it is withdrawn.
 *
 * @typedef {object} OpenRequest
 * @property {string} request_id the frame's, or that of the first request for the same box: another device's
 * @property {any} frame the signed payload of the `request` event, to be repeated as it is
 * @property {{private: string, pub: string}} box
 * @property {boolean} [withdrawn] the user does not want it any more, but the server has not answered that yet
 * @property {boolean} [resynced] the store was restored from a backup since, and may have forgotten the room
 */

/**
 * An own approve of somebody's request: kept until the approve expires, so that nobody is asked twice.
 *
 * @typedef {object} SentApprove
 * @property {number} exp
 * @property {"sending" | "stored" | "saved" | "nacked"} state `stored` by the server, `saved` by the newcomer
 * @property {any} [frame] the signed payload of the `approve` event, until there is a receipt for it
 * @property {number} nacks how many approves of the request the newcomer could not use
 */

/**
 * What a topic's notices have been taken up to.
 *
 * @typedef {object} Seen
 * @property {string} epoch
 * @property {number} seq
 */

/**
 * What brought a room key.
 *
 * @typedef {object} KeySource
 * @property {string} request_id the own request
 * @property {string} approve_id the approve of it
 */

/**
 * A room that the storage knows.
 *
 * @typedef {object} KnownRoom
 * @property {string} rid
 * @property {string} [name] by the newest card that was seen
 * @property {import("./checks.js").Policy} [policy] the same
 * @property {boolean} hasKey whether this user is a member
 * @property {boolean} asked whether there is an open request for the key
 */

/**
 * So many requests are kept after their end. A server lets a user have eight open in one room, denied ones among them;
 * one that lies about endings has more written, and must not push out the first.
 */
const MAX_ENDED = 32;

/** Names and shapes on top of a storage. */
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
   * @param {Clock} [clock] what has expired by it is forgotten
   */
  constructor(storage, clock = new Clock()) {
    this.#storage = new JsonStorage(storage);
    this.#clock = clock;
    this.#index = new RoomIndex(this.#storage);
  }

  /**
   * Nothing is written any more: the storage is the next connection's.
   *
   * @param {VestibuleError} error what comes too late is rejected with
   * @returns {Promise<unknown> | null} when what is under way is written; null where nothing is
   */
  close(error) {
    return this.#storage.close(error);
  }

  /**
   * @param {import("./keys.js").SignAlg} [alg] for a new user; what suits the platform without
   * @param {SigningKey} [given] who the storage's user is to be, such as on another device
   * @returns {Promise<SigningKey>} the user's key, made now if there is none
   */
  async user(alg, given) {
    const stored = await this.#storage.read("user");
    if (stored) {
      const user = await SigningKey.fromStored(stored);
      if (given && !user.equals(given)) throw new VestibuleError("bad_storage", "it is another user's");
      return user;
    }
    const user = given ?? (await SigningKey.generate(alg));
    await this.#storage.write("user", user.toStored());
    return user;
  }

  /** @returns {Promise<string>} the id of this device, made now if there is none */
  async device() {
    const stored = await this.#storage.read("device");
    if (stored) return stored;
    const device = randomId();
    await this.#storage.write("device", device);
    return device;
  }

  /** @returns {Promise<KnownRoom[]>} the rooms whose key is here, or whose key was asked for */
  async rooms() {
    const rooms = await Promise.all((await this.#index.list()).map((rid) => this.#knownRoom(rid)));
    return rooms.filter(({ hasKey, asked }) => hasKey || asked);
  }

  async #knownRoom(rid) {
    const [key, open, card] = await Promise.all([this.#storage.read(`room/${rid}/key`), this.openRequest(rid), this.card(rid)]);
    const room = { rid, hasKey: key !== null, asked: key === null && open !== null && !open.withdrawn };
    if (!card) return room;
    const { policy, name } = card;
    return name && isPlainText(name) ? { ...room, policy, name } : { ...room, policy };
  }

  /**
   * An older client has not listed its rooms, and not every storage can.
   *
   * @param {string} rid of a room that is looked at
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
   * @returns {Promise<SigningKey>} for what only members can do; rejects with `not_member` without a key
   */
  async memberKey(rid) {
    const key = await this.roomKey(rid);
    if (!key) throw new VestibuleError("not_member", "the room's key is not in the storage");
    return key;
  }

  /**
   * @param {string} rid
   * @param {SigningKey} key
   * @param {KeySource} [source] none for a key that was not asked for
   */
  async saveRoomKey(rid, key, source) {
    if (!this.#index.has(rid)) await this.#index.add(rid);
    await this.#storage.write(`room/${rid}/key`, { ...key.toStored(), ...source });
  }

  /**
   * @param {string} rid
   * @param {KeySource} source
   * @returns {Promise<boolean>} whether the room key came from that very approve
   */
  async isRoomKeyFrom(rid, { request_id, approve_id }) {
    const key = await this.#storage.read(`room/${rid}/key`);
    // An older client wrote down the request only, of which this approve need not be the good one.
    return Boolean(key?.approve_id) && key.approve_id === approve_id && key.request_id === request_id;
  }

  /**
   * @param {string} rid
   * @returns {Promise<import("./checks.js").Card | null>} the newest card of the room that this client has seen
   */
  async card(rid) {
    const card = await this.#storage.read(`room/${rid}/card`);
    // Version 0.1.0 took any version. One of the future would keep every later card out.
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
   * @param {(open: OpenRequest) => OpenRequest} change of the open request, if there is one
   * @returns {Promise<OpenRequest | null>} what it is then
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
   * @returns {Promise<OpenRequest[]>} the own requests that have ended by somebody's word, as long as they may be
   *   approved all the same: until they expire
   */
  async endedRequests(rid) {
    const stored = (await this.#storage.read(endedName(rid))) ?? [];
    // An older client kept one, the last.
    return [stored].flat().filter(({ frame }) => !this.#clock.isSurelyPast(frame.exp));
  }

  /**
   * The request has ended by somebody's word: its box is kept, for an approve that comes all the same.
   *
   * @param {string} rid
   * @param {OpenRequest} request
   */
  async keepEnded(rid, request) {
    const others = await this.#endedExcept(rid, request.request_id);
    await this.#storage.write(endedName(rid), [...others, request].slice(-MAX_ENDED));
  }

  /**
   * The open request has ended by somebody's word: a new one may take its place.
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
   * @param {string} [requestId] to be forgotten, with what has expired
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
   * @returns {Promise<boolean>} whether this device asked by it: it is open, has ended, or brought the room key
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
   * @returns {Promise<Map<string, SentApprove>>} by the request's key, see {@link requestKey}
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
   * @param {SentApprove | null} approve null takes it out
   * @returns {Promise<void>}
   */
  async saveSentApprove(rid, key, approve) {
    await this.changeSentApprove(rid, key, () => approve);
  }

  /**
   * @param {string} rid
   * @param {string} key of the request
   * @param {(sent: SentApprove | undefined) => SentApprove | null | undefined} change gives the same to leave it,
   *   nothing to take it out
   * @returns {Promise<SentApprove | undefined>} what it was before
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

  /** @returns {Promise<Map<string, SentApprove>>} without the expired ones, or the list would grow for ever */
  async #approves(rid) {
    const stored = Object.entries((await this.#storage.read(`room/${rid}/approves`)) ?? {});
    return new Map(stored.filter(([, { exp }]) => !this.#clock.isSurelyPast(exp)).map(withKey));
  }
}

/**
 * @param {string} rid
 * @returns {string} the name that it had when only denied requests were kept
 */
function endedName(rid) {
  return `room/${rid}/denied`;
}

/**
 * Version 0.1.0 kept approves by the request's id alone. Whose request it was is in the frame.
 *
 * @param {[string, SentApprove]} entry as it is stored
 * @returns {[string, SentApprove]}
 */
function withKey([name, approve]) {
  return [approve.frame && !name.includes("/") ? requestKey(approve.frame.to, name) : name, approve];
}

/** Of what 0.1.0 kept without a frame only the id is known: it counts for whoever's request has that. */
function approveIn(approves, key) {
  return approves.get(key) ?? approves.get(key.slice(key.indexOf("/") + 1));
}
