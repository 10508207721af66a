/**
 * The approves and notices that one topic brings this user, in each join reply and as pushes.
 *
 * Notices are handled one at a time, in order, and the position of the last one is stored: the next
 * join asks for those after it. A notice that a crash interrupts therefore comes again, and its
 * handler must tolerate that. Each topic has its own position, because the pushes of two topics
 * have no common order.
 */
import { listAll } from "./paged-list.js";
import { Sequence } from "./sequence.js";

/** The pushes that are notices. */
const NOTICES = ["receipt", "denied", "expired", "withdrawn"];

/** @typedef {(approveId: string) => Promise<any>} Ack */
/** @typedef {(approveId: string, code: string) => Promise<any>} Nack */

/**
 * @param {import("./retry-queue.js").RetryQueue} queue
 * @param {{device: string, rid?: string}} fields sent with each answer; the inbox must name the
 *   room as well
 * @returns {{ack: Ack, nack: Nack}}
 */
export function answersOver(queue, fields) {
  return {
    ack: (approve_id) => queue.send("ack", { ...fields, approve_id }),
    nack: (approve_id, code) => queue.send("nack", { ...fields, approve_id, code }),
  };
}

/**
 * @typedef {object} DeliveryHandlers
 * @property {(approve: any, ack: Ack, nack: Nack) => void} approve
 * @property {(notice: any) => Promise<unknown>} notice
 * @property {() => Promise<unknown>} [resync] called if the store's epoch differs from that of the
 *   last join
 */

/** The deliveries of one topic. */
export class Deliveries {
  #context;
  #rid;
  #handlers;
  /** @type {import("./records.js").Seen | null} */
  #seen = null;
  #queue;
  /**
   * Whether all notices before the next pushed one were handled: only then may the position move
   * past it.
   */
  #isGapless = false;
  #steps = new Sequence();

  /**
   * @param {import("./context.js").Context} context
   * @param {string | null} rid of the topic's room; null for the inbox
   * @param {DeliveryHandlers} handlers
   */
  constructor(context, rid, handlers) {
    this.#context = context;
    this.#rid = rid;
    this.#handlers = handlers;
  }

  /**
   * Must be called before the first join.
   *
   * @returns {Promise<void>} when the position of an earlier run is loaded
   */
  async load() {
    const { records } = this.#context;
    this.#seen = await records.seen(this.#rid);
    // Notices of a room that was never open went to the inbox.
    this.#seen ??= await records.seen(null);
  }

  /** @returns {{last?: import("./records.js").Seen}} fields of the join's payload */
  get joinFields() {
    return this.#seen ? { last: this.#seen } : {};
  }

  /** @param {import("./subscription.js").Subscription} subscription */
  listen(subscription) {
    this.#queue = subscription.queue;
    subscription.on("approve", (approve) => this.#handleApprove(approve));
    for (const event of NOTICES) subscription.on(event, (notice) => this.#pushed({ ...notice, event }));
    subscription.on("erased", () => this.#context.notices.erased());
  }

  /**
   * Handles what a join reply holds, and the further pages that its cursors point to.
   *
   * @param {any} reply
   * @returns {Promise<void>} when the notices are handled
   */
  joined({ epoch, seq, approves, more, notices = [], cursors = {} }) {
    for (const approve of approves) this.#handleApprove(approve);
    // Not awaited: the list may be long, and nothing depends on it.
    if (more) this.#restOfApproves(cursors.approves).catch((error) => this.#warn(error));

    return this.#inOrder(async () => {
      this.#isGapless = false;
      // The server also sends a push, but only here is it certain to run before the stored epoch is
      // replaced.
      if (this.#seen && this.#seen.epoch !== epoch) await this.#handlers.resync?.();
      const rest = cursors.notices ? listAll(this.#queue, "notices", { cursor: cursors.notices }) : [];
      for (const notice of notices) await this.#handleNotice(notice);
      for await (const notice of rest) await this.#handleNotice(notice);
      this.#isGapless = true;
      // By now every notice stored before the join was handled.
      await this.#savePosition({ epoch, seq });
    });
  }

  #handleApprove(approve) {
    const { device } = this.#context;
    const fields = this.#rid ? { device } : { rid: approve.rid, device };
    const { ack, nack } = answersOver(this.#queue, fields);
    this.#handlers.approve(approve, ack, nack);
  }

  async #restOfApproves(cursor) {
    for await (const approve of listAll(this.#queue, "approved", { cursor })) this.#handleApprove(approve);
  }

  #pushed(notice) {
    this.#inOrder(async () => {
      await this.#handleNotice(notice);
      if (this.#isGapless && this.#seen) await this.#savePosition({ epoch: this.#seen.epoch, seq: notice.seq });
    });
  }

  async #handleNotice(notice) {
    try {
      await this.#handlers.notice(notice);
    } catch (error) {
      this.#isGapless = false;
      throw error;
    }
  }

  async #savePosition(seen) {
    const before = this.#seen;
    if (before && before.epoch === seen.epoch && before.seq >= seen.seq) return;
    this.#seen = seen;
    await this.#context.records.saveSeen(this.#rid, seen);
  }

  /** Runs steps in order. A failure is reported, and the notice comes again with the next join. */
  #inOrder(step) {
    return this.#steps.run(step).catch((error) => this.#warn(error));
  }

  #warn(error) {
    this.#context.warn(error, `handling a delivery of ${this.#rid ? `the room ${this.#rid}` : "the inbox"}`);
  }
}
