/**
 * The newcomer's side of one room: requests its key, and accepts it over whichever topic it
 * arrives.
 *
 * The order of steps matters. The box's private key is stored before the request is sent, so that
 * no approve can arrive for a box that a crash has lost. The room key is stored before the ack,
 * upon which the server deletes the approve.
 */
import { checkDenial, openApprove } from "./checks.js";
import { answersOver } from "./deliveries.js";
import { ENDED, FINISHED, REFUSED } from "./endings.js";
import { DeniedError, VestibuleError } from "./errors.js";
import { fingerprintOf } from "./fingerprints.js";
import { KeyWait } from "./key-wait.js";
import { writeRequest } from "./request-frame.js";
import { BoxKey } from "./sealing.js";
import { Sequence } from "./sequence.js";
import { listAll, listIncludes } from "./paged-list.js";

/**
 * A request that the server has stored.
 *
 * @typedef {object} Asked
 * @property {string} requestId
 * @property {string} fingerprint of this user and the box, to read to the approving person
 * @property {number} exp
 */

/** @typedef {import("./request-frame.js").AskOptions} AskOptions */

/** Requests the key of one room. */
export class Newcomer {
  #context;
  #rid;
  /** @type {Promise<Asked> | null} */
  #asking = null;
  /** Settles when the request is stored, or storing it has failed. @type {Promise<unknown>} */
  #written = Promise.resolve();
  #markWritten = () => {};
  /** Whether a request was sent and not answered, so that the queue repeats it. */
  #isSending = false;
  /** Handles approves and notices one at a time, since the same one may arrive over two topics. */
  #steps = new Sequence();
  /** Approves whose acks the server has received. */
  #acked = new Set();
  /** Whether this run has accepted an approve and is completing the remaining steps. */
  #hasTaken = false;
  #wait;
  #onKey = () => {};

  /**
   * @param {import("./context.js").Context} context
   * @param {string} rid
   */
  constructor(context, rid) {
    this.#context = context;
    this.#rid = rid;
    this.#wait = new KeyWait(context, () => this.#check());
  }

  /** @param {() => void} handler called when the room key is saved */
  onKey(handler) {
    this.#onKey = handler;
  }

  /**
   * Sends a request, or repeats the open one unchanged, whatever the options say.
   *
   * @param {import("./retry-queue.js").RetryQueue} queue
   * @param {AskOptions} options
   * @returns {Promise<Asked>}
   */
  ask(queue, options) {
    return this.#askOnce(() => this.#ask(queue, options, FINISHED));
  }

  /**
   * @returns {Promise<Asked | null>} the open request; null if the key is stored or the request is
   *   being withdrawn
   */
  async asked() {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    return open && !open.withdrawn && !(await records.roomKey(this.#rid)) ? this.#shown(open) : null;
  }

  /**
   * @returns {Promise<import("./keys.js").SigningKey>} the room key, as soon as it is stored.
   *   Rejects with `not_asked` if no request can bring it
   */
  whenKey() {
    return this.#wait.begin();
  }

  /**
   * Withdraws the request.
   *
   * @param {import("./retry-queue.js").RetryQueue} queue
   * @returns {Promise<void>}
   */
  async withdraw(queue) {
    const { records } = this.#context;
    const asking = this.#asking;
    // A request not stored yet could not be marked, and would still be sent.
    await this.#written;
    if (!(await records.changeOpenRequest(this.#rid, (open) => ({ ...open, withdrawn: true })))) return;
    this.#settle("reject", new VestibuleError("withdrawn"));
    // The reply may name another device's request, to be withdrawn instead; and the withdrawal must
    // not overtake the request.
    await asking?.catch(() => {});
    const left = await records.openRequest(this.#rid);
    if (left?.withdrawn) await this.#sendWithdrawal(queue, left);
  }

  /**
   * After a join, completes what an earlier run or connection left unfinished, and repeats what a
   * restored server has lost.
   *
   * @param {import("./retry-queue.js").RetryQueue} queue
   * @param {{mine: any[], approves: any[], more: boolean, cursors?: {mine: any}}} reply of the join
   * @param {{ttl: number}} options
   * @returns {Promise<void>}
   */
  async resume(queue, { mine, approves, more, cursors }, options) {
    const { records, clock } = this.#context;
    // An approve that the server reports as unacked must be acked, whatever an earlier connection
    // sent.
    this.#acked.clear();
    this.#steps.run(() => records.deleteEnded(this.#rid)).catch(this.#context.warn);
    const open = await records.openRequest(this.#rid);
    if (!open) return;
    const isOpen = ({ request_id }) => request_id === open.request_id;
    if (open.withdrawn) {
      await this.#sendWithdrawal(queue, open);
    } else if (await records.roomKey(this.#rid)) {
      // An earlier run saved the key, and nothing is left to ack: the ack had arrived, only its
      // reply was lost. A request that another device keeps open may still be approved, and this
      // device needs its box to check that.
      const isOver = !more && ![...approves, ...mine].some(isOpen);
      if (isOver && !this.#hasTaken) await records.deleteOpenRequest(this.#rid);
    } else if (clock.isPast(open.frame.exp)) {
      await records.endOpenRequest(this.#rid, open);
      this.#settle("reject", new VestibuleError("expired"));
    } else if (!mine.some(isOpen) && !(await listIncludes(queue, "mine", cursors?.mine, isOpen))) {
      await this.#repeat(queue, options);
    }
  }

  /**
   * The server's store was restored from a backup. It may have lost the room until a member
   * publishes the card again.
   *
   * @returns {Promise<void>} when the open request is marked to survive that
   */
  resync() {
    const { records } = this.#context;
    return this.#steps.run(() => records.changeOpenRequest(this.#rid, (open) => ({ ...open, resynced: true })));
  }

  /**
   * Handles a received approve. A bad one is reported and nacked, and the request stays open for
   * the next.
   *
   * @param {any} approve
   * @param {import("./deliveries.js").Ack} ack over the topic that brought the approve
   * @param {import("./deliveries.js").Nack} nack
   * @returns {Promise<void>}
   */
  receive(approve, ack, nack) {
    return this.#steps.run(() => this.#receive(approve, ack, nack)).catch((error) => this.#context.warn(error));
  }

  /**
   * Handles a notice of how the request ended.
   *
   * @param {any} notice
   * @returns {Promise<boolean>} whether the notice is new: it concerns the open request and passes
   *   the checks
   */
  receiveNotice(notice) {
    return this.#steps.run(() => this.#receiveNotice(notice));
  }

  /** @param {VestibuleError} error rejects everyone who waits for the key */
  end(error) {
    this.#asking = null;
    this.#wait.end(error);
  }

  async #receive(approve, ack, nack) {
    const { records } = this.#context;
    const { approve_id, request_id, attempt } = approve;
    // It arrived over two topics. A further attempt means that the server lacks the ack.
    if (this.#acked.has(approve_id) && !(attempt > 1)) return;

    const asked = await this.#ownRequest(request_id);
    if (asked?.withdrawn) return;
    let key = await records.roomKey(this.#rid);
    // An ack confirms this very approve. Only the one that brought the key is known to be good
    // without being opened.
    if (!key || !(await records.isRoomKeyFrom(this.#rid, { request_id, approve_id }))) {
      // This device did not request it, or no longer has the box to check it: neither ack nor nack.
      if (!asked) return;
      const opened = await this.#open(approve, asked, nack);
      if (!opened) return;
      if (!key) {
        key = opened;
        this.#hasTaken = true;
        await records.saveRoomKey(this.#rid, key, { request_id, approve_id });
        this.#onKey();
      }
    }
    try {
      await this.#ack(approve_id, request_id, ack);
    } catch (error) {
      if (error.reason === "disconnected") throw error;
      // The key is stored anyway. The server keeps offering the approve, and the next join sends
      // the ack.
      this.#context.warn(error);
    }
    this.#settle("resolve", key);
  }

  /**
   * This device's request with that id: the open one, or an ended one that may still be approved.
   */
  async #ownRequest(requestId) {
    return (await this.#ownRequests()).find(({ request_id }) => request_id === requestId);
  }

  async #ownRequests() {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    return [...(open ? [open] : []), ...(await records.endedRequests(this.#rid))];
  }

  /** Ends the waiting if the key is stored, or if nothing can bring it any more. */
  async #check() {
    const { records, clock } = this.#context;
    const here = await records.roomKey(this.#rid);
    if (here) return this.#settle("resolve", here);
    const asking = this.#asking;
    // A failure is reported elsewhere; on success a request exists now.
    await asking?.catch(() => {});
    const ends = (await this.#ownRequests()).filter(({ withdrawn }) => !withdrawn).map(({ frame }) => frame.exp);
    const until = Math.max(0, ...ends);
    if (this.#asking !== asking || (await records.roomKey(this.#rid))) return this.#check();
    if (ends.length === 0) this.#settle("reject", new VestibuleError("not_asked"));
    else if (clock.isPast(until)) this.#settle("reject", new VestibuleError("expired"));
    else this.#wait.checkAt(until);
  }

  /** The room key; null if the approve is bad, which the approver is told. */
  async #open(approve, { request_id, box }, nack) {
    const asked = { rid: this.#rid, request_id, uid: this.#context.uid, box: await BoxKey.fromStored(box) };
    try {
      return await openApprove(approve, asked, this.#context.clock.atLeast());
    } catch (error) {
      this.#context.warn(error);
      if (error.code) await nack(approve.approve_id, error.code);
      return null;
    }
  }

  async #ack(approveId, requestId, ack) {
    const { records } = this.#context;
    await ack(approveId);
    this.#acked.add(approveId);
    const open = await records.openRequest(this.#rid);
    if (open?.request_id === requestId) await records.deleteOpenRequest(this.#rid);
    await records.deleteEnded(this.#rid, requestId);
  }

  async #receiveNotice(notice) {
    const { records, uid: to } = this.#context;
    const open = await records.openRequest(this.#rid);
    // The notice concerns another device's request or is known already, or the key is stored.
    if (open?.request_id !== notice.request_id || (await records.roomKey(this.#rid))) return false;
    if (notice.event !== "denied") {
      // Nobody has signed this: it is only the server's word.
      await records.endOpenRequest(this.#rid, open);
      this.#settle("reject", new VestibuleError(notice.event));
      return true;
    }
    try {
      const denied = { rid: this.#rid, request_id: open.request_id, to };
      const denial = await checkDenial(notice, denied, await records.card(this.#rid));
      await records.endOpenRequest(this.#rid, open);
      this.#settle("reject", new DeniedError(denial));
      return true;
    } catch (error) {
      if (error.reason !== "bad_denial") throw error;
      this.#context.warn(error);
      return false;
    }
  }

  #askOnce(ask) {
    if (this.#asking) return this.#asking;
    // The previous request is stored by now.
    this.#markWritten();
    this.#written = new Promise((resolve) => (this.#markWritten = () => resolve(null)));
    return (this.#asking = ask().catch(async (error) => {
      this.#asking = null;
      this.#markWritten();
      if ((await this.#isOver(error)) || (await this.#ownRequests()).length === 0) this.#settle("reject", error);
      throw error;
    }));
  }

  /** Whether this error ends the request. A room lost by a restored store may return. */
  async #isOver({ reason }) {
    if (reason !== "unknown_room") return ENDED.has(reason);
    return !(await this.#context.records.openRequest(this.#rid))?.resynced;
  }

  /**
   * The server lacks the open request, or knows how it ended. Waiting callers are told, else a
   * warning is reported.
   */
  async #repeat(queue, options) {
    if (this.#isSending) return;
    const hasWaiters = this.#wait.isAwaited;
    this.#asking = null;
    try {
      // A request that was ended elsewhere is not replaced; a `done` one is, since the key is not
      // stored here.
      await this.#askOnce(() => this.#ask(queue, options, new Set(["done"])));
    } catch (error) {
      if (!hasWaiters || !(await this.#isOver(error))) throw error;
    }
  }

  /** @param {Set<string>} anew states in which a new request replaces the old one */
  async #ask(queue, options, anew) {
    const { records, clock } = this.#context;
    let open = await records.openRequest(this.#rid);
    if (open?.withdrawn) {
      await this.#sendWithdrawal(queue, open);
      open = null;
    }
    const isNew = !open || clock.isPast(open.frame.exp);
    if (isNew) open = await this.#write(options, open);
    let state = await this.#send(queue, open, isNew);
    if (anew.has(state) && (await this.#stillWants(open))) {
      // The server has seen the request end but the storage has not: it was restored from a copy.
      open = await this.#write({ ...options, box: undefined }, open);
      state = await this.#send(queue, open, true);
    }
    if ((FINISHED.has(state) || state === "denied") && (await this.#stillWants(open))) {
      await records.endOpenRequest(this.#rid, open);
      throw state === "denied" ? new DeniedError() : new VestibuleError(state);
    }
    return this.#shown(open);
  }

  /** @returns {Promise<Asked>} */
  async #shown({ request_id: requestId, box, frame }) {
    const { id } = await BoxKey.fromStored(box);
    return { requestId, fingerprint: await fingerprintOf(this.#context.uid, id), exp: frame.exp };
  }

  /**
   * The key or a withdrawal may have overtaken the reply: then the end of the request does not
   * matter.
   */
  async #stillWants({ request_id }) {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    return open?.request_id === request_id && !open.withdrawn && !(await records.roomKey(this.#rid));
  }

  /**
   * @param {AskOptions} options
   * @param {import("./records.js").OpenRequest | null} [last] the request that it replaces
   */
  async #write(options, last) {
    const { records } = this.#context;
    const open = await writeRequest(this.#context, this.#rid, options);
    if (last) await records.keepEnded(this.#rid, last);
    await records.saveOpenRequest(this.#rid, open);
    return open;
  }

  /**
   * Sends the request and returns its state; afterwards `open` names the server's first request for
   * the box.
   */
  async #send(queue, open, isNew) {
    this.#isSending = true;
    this.#markWritten();
    try {
      const { request_id, state } = await queue.send("request", open.frame);
      if (request_id && request_id !== open.request_id) await this.#adopt(queue, open, request_id);
      return state;
    } catch (error) {
      const isOver = REFUSED.has(error.reason) && (await this.#isOver(error));
      // A request that was never accepted is useless. If it was accepted once, the refusal is only
      // the server's word.
      const { records } = this.#context;
      if (isOver && isNew) await records.deleteOpenRequest(this.#rid);
      else if (isOver) await records.endOpenRequest(this.#rid, open);
      throw error;
    } finally {
      this.#isSending = false;
    }
  }

  /**
   * Another device of this user has sent a request for the same box: this device shares that
   * request and its approves.
   */
  async #adopt(queue, open, requestId) {
    const { records, device, warn } = this.#context;
    const adopt = (now) => (now.request_id === open.request_id ? { ...now, request_id: requestId } : now);
    const now = await records.changeOpenRequest(this.#rid, adopt);
    if (now?.request_id !== requestId) return;
    open.request_id = requestId;
    // Approves that arrived before this reply did not match a known request.
    const { ack, nack } = answersOver(queue, { device });
    const takeAll = async () => {
      for await (const approve of listAll(queue, "approved")) this.receive(approve, ack, nack);
    };
    takeAll().catch(warn);
  }

  async #sendWithdrawal(queue, { request_id }) {
    await queue.send("withdraw", { request_id });
    await this.#context.records.deleteOpenRequest(this.#rid);
  }

  #settle(how, value) {
    this.#asking = null;
    this.#wait.settle(how, value);
  }
}
