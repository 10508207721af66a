/**
 * A member's side of one room: who asks for the key, and handing it on or not.
 */
import { Approvals } from "./approvals.js";
import { checkRequest } from "./checks.js";
import { VestibuleError } from "./errors.js";
import { Handlers } from "./handlers.js";
import { requestKey } from "./ids.js";
import { JoinRequest } from "./join-request.js";
import { signFields } from "./signed.js";
import { listAll } from "./paged-list.js";

/**
 * @typedef {object} GoneRequest
 * @property {string} requestId unique among the requests of `uid` only
 * @property {string} uid
 * @property {"approved" | "done" | "withdrawn" | "denied" | "expired" | null} state null where it was gone at the next
 *   join
 * @property {string} [by] who approved or denied it
 * @property {number} [approvals] of `approved`: how many approves wait for the newcomer now
 */

/**
 * Somebody who was denied, and is kept from asking.
 *
 * @typedef {object} Denial
 * @property {string} uid
 * @property {string} by the member who denied them
 * @property {string} code why
 * @property {boolean} block
 * @property {number} at
 * @property {number | null} until null for a block
 * @property {JoinRequest[]} requests those of their denied requests that may still be approved: to approve one
 *   overrules the denial
 */

/**
 * @typedef {object} Known
 * @property {number} join the last one in which it came
 * @property {any} item as it came last
 * @property {import("./checks.js").CheckedRequest | null} checked null while it is being checked, and where this device
 *   asks by it
 * @property {JoinRequest | null} request null where it is not shown: this user has approved it, or asks by it
 */

/** Watches one room's requests for its members. */
export class PendingRequests {
  #context;
  #rid;
  #queue;
  #approvals;
  /** By their keys, see {@link requestKey}. @type {Map<string, Known>} */
  #known = new Map();
  /** Counts the joins. */
  #join = 0;
  /**
   * Until the list of this join is read: the keys of the requests that its pushes have told of. What the list says of
   * those is older.
   *
   * @type {Set<string> | null}
   */
  #pushed = null;
  #onRequest;
  #onRequestGone;
  #onReceipt;
  #onWaiting;
  #stopListening;

  /**
   * @param {import("./context.js").Context} context
   * @param {string} rid
   * @param {import("./retry-queue.js").RetryQueue} queue
   */
  constructor(context, rid, queue) {
    this.#context = context;
    this.#rid = rid;
    this.#queue = queue;
    this.#approvals = new Approvals(context, rid, queue);
    const { warn } = context;
    this.#onRequest = new Handlers(warn);
    this.#onRequestGone = new Handlers(warn);
    this.#onReceipt = new Handlers(warn);
    this.#onWaiting = new Handlers(warn);
    this.#stopListening = context.notices.on((notice) => {
      if (notice.rid === rid && notice.event === "receipt") this.#receipt(notice);
    });
  }

  /**
   * @param {(request: JoinRequest) => unknown} handler called once for each request, those already here included, and
   *   once more each time that an approve of this user's turned out bad, or that a denial of it was lifted
   * @returns {() => void} stops it
   */
  onRequest(handler) {
    for (const request of this.all) this.#onRequest.callOne(handler, request);
    return this.#onRequest.add(handler);
  }

  /**
   * @param {(gone: GoneRequest) => unknown} handler
   * @returns {() => void} stops it
   */
  onRequestGone(handler) {
    return this.#onRequestGone.add(handler);
  }

  /**
   * @param {(receipt: import("./notices.js").Receipt) => unknown} handler
   * @returns {() => void} stops it
   */
  onReceipt(handler) {
    return this.#onReceipt.add(handler);
  }

  /**
   * @param {(request: JoinRequest, afterMs: number) => unknown} handler called whenever a request waits for an approve,
   *   those already here included, with how long who approves by itself is to wait before
   * @returns {() => void} stops it
   */
  onWaiting(handler) {
    for (const { request, item } of this.#known.values()) {
      if (request) this.#onWaiting.callOne(handler, request, item.after_ms ?? 0);
    }
    return this.#onWaiting.add(handler);
  }

  /** @returns {JoinRequest[]} the requests that are open now, as far as this client knows */
  get all() {
    return [...this.#known.values()].flatMap(({ request }) => request ?? []);
  }

  /** The room is joined: what is known from earlier joins may have gone, which the list after the proof tells. */
  joined() {
    this.#join += 1;
    this.#pushed = new Set();
  }

  /**
   * After a proof: takes the list of open requests, and drops those that have gone meanwhile. What is pushed after the
   * proof is no less open for not being in the list; its `seq` would not tell, where it is an old one anew.
   *
   * @param {object} proven the reply
   * @param {any[]} [proven.pending] the first page
   * @param {any} [proven.cursor] of the next, null where there is none
   * @param {number} [proven.after_ms] for each of the list
   * @returns {Promise<void>}
   */
  async listReceived({ pending, cursor, after_ms }) {
    const join = this.#join;
    const pushed = this.#pushed;
    const take = async (/** @type {any} */ listedItem) => {
      const item = { after_ms, ...listedItem };
      if (!pushed?.has(keyOf(item))) await this.#take(item, join);
    };
    for (const item of pending ?? []) await take(item);
    // Who was a member already, as after an answer that got lost, is not told the list with the answer to the proof.
    if (cursor || !pending) for await (const item of listAll(this.#queue, "pending", { as: "member", cursor })) await take(item);
    if (this.#pushed === pushed) this.#pushed = null;
    for (const { join: last, item } of this.#known.values()) {
      if (last < join) this.gone({ uid: item.uid, request_id: item.request_id, state: null });
    }
  }

  /**
   * @param {any} item a request as it was pushed, maybe anew
   * @returns {Promise<void>}
   */
  received(item) {
    this.#pushed?.add(keyOf(item));
    return this.#take(item, this.#join);
  }

  async #take(item, join) {
    const key = keyOf(item);
    const before = this.#known.get(key);
    const known = before ?? { join, item, checked: null, request: null };
    known.join = Math.max(known.join, join);
    known.item = item;
    this.#known.set(key, known);
    try {
      if (!before && !(await this.#isOwn(item))) known.checked = await this.#check(item);
      // Where it is just being checked, that shows it.
      if (known.checked) await this.#show(known);
    } catch (error) {
      if (this.#known.get(key) === known) this.#known.delete(key);
      this.#context.warn(error);
    }
  }

  /** Whether this device asks by it. What another device of this user asks is shown: this one may have to answer it. */
  async #isOwn({ uid, request_id }) {
    const { records, uid: own } = this.#context;
    return uid === own && records.isOwnRequest(this.#rid, request_id);
  }

  /** @param {{uid: string, request_id: string, state: GoneRequest["state"], by?: string, approvals?: number}} push */
  gone({ uid, request_id: requestId, state, by, approvals }) {
    const key = requestKey(uid, requestId);
    const known = this.#known.get(key);
    if (state === "approved") {
      // It stays open until its newcomer has saved the key. A server of 0.1.0 leaves the counting to its clients.
      if (known) count(known, approvals ?? (known.item.approvals ?? 0) + 1);
      this.#onRequestGone.call({ requestId, uid, state, by, approvals: known?.item.approvals ?? approvals });
      return;
    }
    this.#known.delete(key);
    this.#pushed?.add(key);
    this.#onRequestGone.call({ requestId, uid, state, by });
  }

  /**
   * @param {{requestId: string, uid: string}} request
   * @param {{code?: string, block?: boolean}} [options] why, of at most 64 bytes, which the newcomer is told
   * @returns {Promise<{state: string, dup: boolean}>}
   */
  async deny({ requestId: request_id, uid: to }, { code = "", block = false } = {}) {
    const { records, uid: by } = this.#context;
    const roomKey = await records.memberKey(this.#rid);
    const room_sig = await signFields("deny", { rid: this.#rid, request_id, to, by, code, block }, roomKey);
    return this.#queue.send("deny", { request_id, to, code, block, room_sig }, { as: "member" });
  }

  /**
   * @param {string} uid
   * @returns {Promise<{dup: boolean}>}
   */
  unblock(uid) {
    return this.#queue.send("unblock", { uid }, { as: "member" });
  }

  /** @returns {Promise<Denial[]>} all of them */
  async denials() {
    const denials = [];
    for await (const denial of listAll(this.#queue, "denials", { as: "member" })) {
      const { uid, by, code, block, at, until, requests: items } = denial;
      const requests = await Promise.all(items.map((item) => this.#denied(item, uid)));
      denials.push({ uid, by, code, block, at, until, requests: requests.filter(Boolean) });
    }
    return denials;
  }

  /** The room takes requests in another way now: who approves by itself looks at all of them anew. */
  async showAgain() {
    for (const known of this.#known.values()) if (known.request) await this.#show(known);
  }

  /** @returns {Promise<void>} when every approve without a receipt is on its way again */
  resync() {
    return this.#approvals.repeat();
  }

  /** The room is left. */
  end() {
    this.#stopListening();
  }

  /** A denied request, checked; null where it is bad, or not of who was denied. */
  async #denied(item, uid) {
    try {
      const checked = await this.#check(item);
      if (checked.uid !== uid) throw new VestibuleError("bad_request", "not of who was denied");
      return this.#makeRequest(checked, item);
    } catch (error) {
      this.#context.warn(error);
      return null;
    }
  }

  #check(item) {
    return checkRequest(item, this.#rid, this.#context.clock.now());
  }

  #makeRequest(checked, item) {
    return new JoinRequest(checked, item, () => this.#approvals.approve(checked));
  }

  async #show(known) {
    const { checked } = known;
    known.request?.update(known.item);
    const sent = await this.#approvals.of(checked);
    // This user has decided already, maybe before a crash: repeat what was not answered, and don't ask again.
    if (sent?.state === "sending") await this.#approvals.approve(checked);
    const isDecided = sent && sent.state !== "nacked";
    if (isDecided || this.#known.get(keyOf(known.item)) !== known) return;
    if (!known.request) {
      known.request = this.#makeRequest(checked, known.item);
      known.request.nacks = sent?.nacks ?? 0;
      this.#onRequest.call(known.request);
    }
    this.#onWaiting.call(known.request, known.item.after_ms ?? 0);
  }

  #receipt(receipt) {
    this.#onReceipt.call(receipt);
    const known = this.#known.get(requestKey(receipt.to, receipt.requestId));
    if (receipt.result !== "nacked" || !known?.checked) return;
    count(known, Math.max((known.item.approvals ?? 0) - 1, 0));
    if (!known.request) return this.#show(known).catch((error) => this.#context.warn(error));
    known.request.nacks += 1;
    this.#onRequest.call(known.request);
    this.#onWaiting.call(known.request, known.item.after_ms ?? 0);
  }
}

/** @param {{uid: string, request_id: string}} item */
const keyOf = ({ uid, request_id }) => requestKey(uid, request_id);

/** @param {Known} known @param {number} approvals how many wait for the newcomer now */
function count(known, approvals) {
  known.item = { ...known.item, approvals };
  known.request?.update(known.item);
}
