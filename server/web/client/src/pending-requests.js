/**
 * A member's view of one room: the open requests for its key, and approving or denying them.
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
 * @property {string} requestId unique only among the requests of `uid`
 * @property {string} uid
 * @property {"approved" | "done" | "withdrawn" | "denied" | "expired" | null} state null if it was
 *   gone at the next join
 * @property {string} [by] the uid of the member who approved or denied it
 * @property {number} [approvals] for `approved`: how many approves now wait for the newcomer
 */

/**
 * The payload of `request_gone`.
 *
 * @typedef {object} GonePush
 * @property {string} uid
 * @property {string} request_id
 * @property {GoneRequest["state"]} state
 * @property {string} [by]
 * @property {number} [approvals]
 */

/**
 * A denied user, who must not ask again for now.
 *
 * @typedef {object} Denial
 * @property {string} uid
 * @property {string} by the member who denied the request
 * @property {string} code the reason
 * @property {boolean} block
 * @property {number} at
 * @property {number | null} until null for a block
 * @property {JoinRequest[]} requests the user's denied requests that may still be approved;
 *   approving one overrules the denial
 */

/**
 * @typedef {object} Known
 * @property {number} join the last join in which the request arrived
 * @property {any} item as last received
 * @property {import("./checks.js").CheckedRequest | null} checked null while being checked, and for
 *   this device's own request
 * @property {JoinRequest | null} request null if it is not shown because this user has approved it
 *   or made it
 */

/** Tracks the open requests of one room, for its members. */
export class PendingRequests {
  #context;
  #rid;
  #queue;
  #approvals;
  /** By request key, see {@link requestKey}. @type {Map<string, Known>} */
  #known = new Map();
  /** Counts the joins. */
  #join = 0;
  /**
   * While this join's list is being read: the keys of requests that pushes have reported since. The
   * list's data on those is older.
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
   * @param {(request: JoinRequest) => unknown} handler called once for each request, including
   *   those already open, and again each time the newcomer could not use this user's approve or a
   *   member lifted a denial
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
   * @param {(request: JoinRequest, afterMs: number) => unknown} handler called for each request
   *   that waits for an approve, including those already open, with the delay that an automatic
   *   approver must keep
   * @returns {() => void} stops it
   */
  onWaiting(handler) {
    for (const { request, item } of this.#known.values()) {
      if (request) this.#onWaiting.callOne(handler, request, item.after_ms ?? 0);
    }
    return this.#onWaiting.add(handler);
  }

  /** @returns {JoinRequest[]} the open requests that this client knows */
  get all() {
    return [...this.#known.values()].flatMap(({ request }) => request ?? []);
  }

  /** The room was joined. Requests of earlier joins may be gone; the list after the proof tells. */
  joined() {
    this.#join += 1;
    this.#pushed = new Set();
  }

  /**
   * Handles the list of open requests after a proof, and drops requests that are gone. A request
   * pushed after the proof is open even if the list lacks it. Its `seq` does not show that: a
   * reopened request keeps its old one.
   *
   * @param {object} proven the reply to the proof
   * @param {any[]} [proven.pending] the first page
   * @param {any} [proven.cursor] of the next page; null if there is none
   * @param {number} [proven.after_ms] for each listed request
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
    // After a repeated proof, such as when a reply was lost, the server does not send the list.
    if (cursor || !pending) {
      for await (const item of listAll(this.#queue, "pending", { as: "member", cursor })) await take(item);
    }
    if (this.#pushed === pushed) this.#pushed = null;
    for (const { join: last, item } of this.#known.values()) {
      if (last < join) this.gone({ uid: item.uid, request_id: item.request_id, state: null });
    }
  }

  /**
   * @param {any} item a pushed request, which may be a reopened one
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
      // If it is still being checked, that call will show it.
      if (known.checked) await this.#show(known);
    } catch (error) {
      if (this.#known.get(key) === known) this.#known.delete(key);
      this.#context.warn(error);
    }
  }

  /**
   * Whether this device made the request. One by another device of this user is shown, because this
   * device may have to approve it.
   */
  async #isOwn({ uid, request_id }) {
    const { records, uid: own } = this.#context;
    return uid === own && records.isOwnRequest(this.#rid, request_id);
  }

  /** @param {GonePush} push */
  gone({ uid, request_id: requestId, state, by, approvals }) {
    const key = requestKey(uid, requestId);
    const known = this.#known.get(key);
    if (state === "approved") {
      // The request stays open until its newcomer has saved the key. A 0.1.0 server leaves counting
      // to the clients.
      if (known) setApprovals(known, approvals ?? (known.item.approvals ?? 0) + 1);
      this.#onRequestGone.call({ requestId, uid, state, by, approvals: known?.item.approvals ?? approvals });
      return;
    }
    this.#known.delete(key);
    this.#pushed?.add(key);
    this.#onRequestGone.call({ requestId, uid, state, by });
  }

  /**
   * @param {{requestId: string, uid: string}} request
   * @param {{code?: string, block?: boolean}} [options] `code`: the reason, at most 64 bytes; the
   *   newcomer is told
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

  /** @returns {Promise<Denial[]>} all denials */
  async denials() {
    const denials = [];
    for await (const denial of listAll(this.#queue, "denials", { as: "member" })) {
      const { uid, by, code, block, at, until, requests: items } = denial;
      const requests = await Promise.all(items.map((item) => this.#denied(item, uid)));
      denials.push({ uid, by, code, block, at, until, requests: requests.filter(Boolean) });
    }
    return denials;
  }

  /** The room's policy or creator has changed: automatic approvers consider all requests again. */
  async showAgain() {
    for (const known of this.#known.values()) if (known.request) await this.#show(known);
  }

  /** @returns {Promise<void>} when every approve without a receipt is being sent again */
  resync() {
    return this.#approvals.repeat();
  }

  /** The room is left. */
  end() {
    this.#stopListening();
  }

  /** A checked denied request; null if it is bad or belongs to another user. */
  async #denied(item, uid) {
    try {
      const checked = await this.#check(item);
      if (checked.uid !== uid) throw new VestibuleError("bad_request", "it belongs to another user");
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
    // This user has already decided, perhaps before a crash: repeat an unanswered approve, and do
    // not ask again.
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
    setApprovals(known, Math.max((known.item.approvals ?? 0) - 1, 0));
    if (!known.request) return this.#show(known).catch((error) => this.#context.warn(error));
    known.request.nacks += 1;
    this.#onRequest.call(known.request);
    this.#onWaiting.call(known.request, known.item.after_ms ?? 0);
  }
}

/** @param {{uid: string, request_id: string}} item */
const keyOf = ({ uid, request_id }) => requestKey(uid, request_id);

/** @param {Known} known @param {number} approvals how many approves wait for the newcomer now */
function setApprovals(known, approvals) {
  known.item = { ...known.item, approvals };
  known.request?.update(known.item);
}
