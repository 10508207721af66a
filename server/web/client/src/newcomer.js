/**
 * The newcomer's side of one room: ask for its key, take it when it comes, wherever it comes.
 *
 * The order is the point. The box's private key is stored before the request leaves, so no approve can come for a
 * box that a crash has lost; the room key is stored before the ack, which makes the server delete it.
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
 * @property {string} fingerprint of this user and the box, to read to the person who approves
 * @property {number} exp
 */

/** @typedef {import("./request-frame.js").AskOptions} AskOptions */

/** Asks for one room's key. */
export class Newcomer {
  #context;
  #rid;
  /** @type {Promise<Asked> | null} */
  #asking = null;
  /** When what is asked for is written, or will not be. @type {Promise<unknown>} */
  #written = Promise.resolve();
  #markWritten = () => {};
  /** Whether a request has been said and not been answered, so that the queue sees to its repeating. */
  #isSending = false;
  /** Handles approves and notices one at a time, since the same one may arrive over two topics. */
  #steps = new Sequence();
  /** Approves that the server knows to be acked. */
  #acked = new Set();
  /** Whether this run took an approve; what is left to do about it then is underway. */
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

  /** @param {() => void} handler called when the room key has been saved */
  onKey(handler) {
    this.#onKey = handler;
  }

  /**
   * Asks, or goes on asking: an open request is repeated as it is, whatever the options say.
   *
   * @param {import("./retry-queue.js").RetryQueue} queue
   * @param {AskOptions} options
   * @returns {Promise<Asked>}
   */
  ask(queue, options) {
    return this.#askOnce(() => this.#ask(queue, options, FINISHED));
  }

  /** @returns {Promise<Asked | null>} the open request; null too where the key is here, or it is being taken back */
  async asked() {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    return open && !open.withdrawn && !(await records.roomKey(this.#rid)) ? this.#shown(open) : null;
  }

  /**
   * @returns {Promise<import("./keys.js").SigningKey>} the room key: at once if it is here, else when it comes. Rejects
   *   with `not_asked` where nothing can bring it
   */
  whenKey() {
    return this.#wait.begin();
  }

  /**
   * Takes the request back.
   *
   * @param {import("./retry-queue.js").RetryQueue} queue
   * @returns {Promise<void>}
   */
  async withdraw(queue) {
    const { records } = this.#context;
    const asking = this.#asking;
    // What is not there yet cannot be marked, and would be said all the same.
    await this.#written;
    if (!(await records.changeOpenRequest(this.#rid, (open) => ({ ...open, withdrawn: true })))) return;
    this.#settle("reject", new VestibuleError("withdrawn"));
    // The answer may name another request to take back, that of another device; and what is said later comes later.
    await asking?.catch(() => {});
    const left = await records.openRequest(this.#rid);
    if (left?.withdrawn) await this.#sendWithdrawal(queue, left);
  }

  /**
   * After a join: what an earlier run of this client, or an earlier connection, did not get done, and what a server
   * that was restored from a backup has lost.
   *
   * @param {import("./retry-queue.js").RetryQueue} queue
   * @param {{mine: any[], approves: any[], more: boolean, cursors?: {mine: any}}} reply of the join
   * @param {{ttl: number}} options
   * @returns {Promise<void>}
   */
  async resume(queue, { mine, approves, more, cursors }, options) {
    const { records, clock } = this.#context;
    // What this server calls unacked is to be acked, whatever was said on an earlier connection.
    this.#acked.clear();
    this.#steps.run(() => records.deleteEnded(this.#rid)).catch(this.#context.warn);
    const open = await records.openRequest(this.#rid);
    if (!open) return;
    const isOpen = ({ request_id }) => request_id === open.request_id;
    if (open.withdrawn) {
      await this.#sendWithdrawal(queue, open);
    } else if (await records.roomKey(this.#rid)) {
      // Saved by an earlier run, and nothing left to ack: the ack had arrived, only its answer had not. What is still
      // open, for another device, may be approved yet, and the box is what this one judges that by.
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
   * The server's store was restored from a backup: it may know the room no more, until a member shows it the card.
   *
   * @returns {Promise<void>} when the open request is marked, to outlast that
   */
  resync() {
    const { records } = this.#context;
    return this.#steps.run(() => records.changeOpenRequest(this.#rid, (open) => ({ ...open, resynced: true })));
  }

  /**
   * Takes an approve from the wire. A bad one is warned of and nacked, and the request stays open for the next.
   *
   * @param {any} approve
   * @param {import("./deliveries.js").Ack} ack over the topic that it came by
   * @param {import("./deliveries.js").Nack} nack
   * @returns {Promise<void>}
   */
  receive(approve, ack, nack) {
    return this.#steps.run(() => this.#receive(approve, ack, nack)).catch((error) => this.#context.warn(error));
  }

  /**
   * Takes a notice of how the request ended.
   *
   * @param {any} notice
   * @returns {Promise<boolean>} whether it is news: of the open request, and no lie
   */
  receiveNotice(notice) {
    return this.#steps.run(() => this.#receiveNotice(notice));
  }

  /** @param {VestibuleError} error what everybody who waits for the key is told */
  end(error) {
    this.#asking = null;
    this.#wait.end(error);
  }

  async #receive(approve, ack, nack) {
    const { records } = this.#context;
    const { approve_id, request_id, attempt } = approve;
    // It came over two topics. A further attempt says that the server lacks the ack.
    if (this.#acked.has(approve_id) && !(attempt > 1)) return;

    const asked = await this.#ownRequest(request_id);
    if (asked?.withdrawn) return;
    let key = await records.roomKey(this.#rid);
    // An ack says that this very approve is good. Only one is known to be without being opened: the key's own.
    if (!key || !(await records.isRoomKeyFrom(this.#rid, { request_id, approve_id }))) {
      // Not asked for, or not by this device; or there is nothing left to open it with, and so nothing to say of it.
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
      // The key is here and stays. The server goes on offering the approve, and the ack is said at the next join.
      this.#context.warn(error);
    }
    this.#settle("resolve", key);
  }

  /** The own request of that id: the open one, or one that has ended and may be approved all the same. */
  async #ownRequest(requestId) {
    return (await this.#ownRequests()).find(({ request_id }) => request_id === requestId);
  }

  async #ownRequests() {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    return [...(open ? [open] : []), ...(await records.endedRequests(this.#rid))];
  }

  /** Ends the waiting where the key is here, and where nothing can bring it any more. */
  async #check() {
    const { records, clock } = this.#context;
    const here = await records.roomKey(this.#rid);
    if (here) return this.#settle("resolve", here);
    const asking = this.#asking;
    // How it fails is told by itself; where it does not, there is a request then.
    await asking?.catch(() => {});
    const ends = (await this.#ownRequests()).filter(({ withdrawn }) => !withdrawn).map(({ frame }) => frame.exp);
    const until = Math.max(0, ...ends);
    if (this.#asking !== asking || (await records.roomKey(this.#rid))) return this.#check();
    if (ends.length === 0) this.#settle("reject", new VestibuleError("not_asked"));
    else if (clock.isPast(until)) this.#settle("reject", new VestibuleError("expired"));
    else this.#wait.checkAt(until);
  }

  /** The room key; null where the approve is bad, and its approver is told so. */
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
    // Of another device's request, or known already; and what has the key needs no news.
    if (open?.request_id !== notice.request_id || (await records.roomKey(this.#rid))) return false;
    if (notice.event !== "denied") {
      // The server's word, and nobody's signature.
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
    // What was asked for before is written by now.
    this.#markWritten();
    this.#written = new Promise((resolve) => (this.#markWritten = () => resolve(null)));
    return (this.#asking = ask().catch(async (error) => {
      this.#asking = null;
      this.#markWritten();
      if ((await this.#isOver(error)) || (await this.#ownRequests()).length === 0) this.#settle("reject", error);
      throw error;
    }));
  }

  /** Whether the request has ended with it. A room that a restored store has forgotten may come back to it. */
  async #isOver({ reason }) {
    if (reason !== "unknown_room") return ENDED.has(reason);
    return !(await this.#context.records.openRequest(this.#rid))?.resynced;
  }

  /** The server lacks the open request, or knows how it ended: who waits for the key is told, else it is warned of. */
  async #repeat(queue, options) {
    if (this.#isSending) return;
    const isTold = this.#wait.isAwaited;
    this.#asking = null;
    try {
      // What somebody has ended elsewhere is not asked for anew; what is done is, since the key is not here.
      await this.#askOnce(() => this.#ask(queue, options, new Set(["done"])));
    } catch (error) {
      if (!isTold || !(await this.#isOver(error))) throw error;
    }
  }

  /** @param {Set<string>} anew states of the request that a new one follows on */
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
      // The server has seen this request end and the storage has not: it was restored from a copy.
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

  /** The answer may have been overtaken by the key, or by a withdrawal: then the request's end is no news. */
  async #stillWants({ request_id }) {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    return open?.request_id === request_id && !open.withdrawn && !(await records.roomKey(this.#rid));
  }

  /**
   * @param {AskOptions} options
   * @param {import("./records.js").OpenRequest | null} [last] the one that it follows on
   */
  async #write(options, last) {
    const { records } = this.#context;
    const open = await writeRequest(this.#context, this.#rid, options);
    if (last) await records.keepEnded(this.#rid, last);
    await records.saveOpenRequest(this.#rid, open);
    return open;
  }

  /** Says the request and gives its state; `open` is the server's first for the box from then on. */
  async #send(queue, open, isNew) {
    this.#isSending = true;
    this.#markWritten();
    try {
      const { request_id, state } = await queue.send("request", open.frame);
      if (request_id && request_id !== open.request_id) await this.#adopt(queue, open, request_id);
      return state;
    } catch (error) {
      const isOver = REFUSED.has(error.reason) && (await this.#isOver(error));
      // One that was never taken is of no use to anybody; of one that was, the refusal is only the server's word.
      const { records } = this.#context;
      if (isOver && isNew) await records.deleteOpenRequest(this.#rid);
      else if (isOver) await records.endOpenRequest(this.#rid, open);
      throw error;
    } finally {
      this.#isSending = false;
    }
  }

  /** Another device of this user has asked for the same box: its request is this one's too, and so are its approves. */
  async #adopt(queue, open, requestId) {
    const { records, device, warn } = this.#context;
    const adopt = (now) => (now.request_id === open.request_id ? { ...now, request_id: requestId } : now);
    const now = await records.changeOpenRequest(this.#rid, adopt);
    if (now?.request_id !== requestId) return;
    open.request_id = requestId;
    // What came before this answer was not known to be asked for.
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
