/**
 * What one topic brings this user: approves and notices, in the answer to each join and live.
 *
 * Notices are taken in their order, one at a time, and up to where they were taken is stored: the next join asks for
 * those after. So what a crash interrupts comes again; whoever takes a notice must bear to see it twice. Each topic has
 * its own mark, since nothing orders the pushes of two topics.
 */
import { listAll } from "./paged-list.js";
import { Sequence } from "./sequence.js";

/** The notices, by the names of their pushes. */
const NOTICES = ["receipt", "denied", "expired", "withdrawn"];

/** @typedef {(approveId: string) => Promise<any>} Ack */
/** @typedef {(approveId: string, code: string) => Promise<any>} Nack */

/**
 * @param {import("./retry-queue.js").RetryQueue} queue
 * @param {{device: string, rid?: string}} fields the room too where the topic is not the room's
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
 * @property {() => Promise<unknown>} [resync] the server's store has another epoch than at the last join
 */

/** One topic's deliveries. */
export class Deliveries {
  #context;
  #rid;
  #handlers;
  /** @type {import("./records.js").Seen | null} */
  #seen = null;
  #queue;
  /** Whether all notices before the next live one have been taken: only then may the mark pass it. */
  #gapless = false;
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
   * To be called before the first join.
   *
   * @returns {Promise<void>} when it is known where an earlier run of this client has come to
   */
  async load() {
    const { records } = this.#context;
    this.#seen = await records.seen(this.#rid);
    // What concerned a room that was never open came to the inbox.
    this.#seen ??= await records.seen(null);
  }

  /** @returns {{last?: import("./records.js").Seen}} what a join is to say */
  get joinFields() {
    return this.#seen ? { last: this.#seen } : {};
  }

  /** @param {import("./subscription.js").Subscription} subscription */
  listen(subscription) {
    this.#queue = subscription.queue;
    subscription.on("approve", (approve) => this.#approve(approve));
    for (const event of NOTICES) subscription.on(event, (notice) => this.#live({ ...notice, event }));
    subscription.on("erased", () => this.#context.notices.erased());
  }

  /**
   * Takes what the answer to a join holds, and what its cursors say there is more of.
   *
   * @param {any} reply
   * @returns {Promise<void>} when the notices are taken
   */
  joined({ epoch, seq, approves, more, notices = [], cursors = {} }) {
    for (const approve of approves) this.#approve(approve);
    // Not awaited: it may be long, and nothing else has to wait for it.
    if (more) this.#restOfApproves(cursors.approves).catch((error) => this.#warn(error));

    return this.#next(async () => {
      this.#gapless = false;
      // The server says so in a push as well; here it is sure to be done before the mark forgets the old epoch.
      if (this.#seen && this.#seen.epoch !== epoch) await this.#handlers.resync?.();
      const rest = cursors.notices ? listAll(this.#queue, "notices", { cursor: cursors.notices }) : [];
      for (const notice of notices) await this.#notice(notice);
      for await (const notice of rest) await this.#notice(notice);
      this.#gapless = true;
      // Everything stored before the join has been seen now.
      await this.#mark({ epoch, seq });
    });
  }

  #approve(approve) {
    const { device } = this.#context;
    const fields = this.#rid ? { device } : { rid: approve.rid, device };
    const { ack, nack } = answersOver(this.#queue, fields);
    this.#handlers.approve(approve, ack, nack);
  }

  async #restOfApproves(cursor) {
    for await (const approve of listAll(this.#queue, "approved", { cursor })) this.#approve(approve);
  }

  #live(notice) {
    this.#next(async () => {
      await this.#notice(notice);
      if (this.#gapless && this.#seen) await this.#mark({ epoch: this.#seen.epoch, seq: notice.seq });
    });
  }

  async #notice(notice) {
    try {
      await this.#handlers.notice(notice);
    } catch (error) {
      this.#gapless = false;
      throw error;
    }
  }

  async #mark(seen) {
    const before = this.#seen;
    if (before && before.epoch === seen.epoch && before.seq >= seen.seq) return;
    this.#seen = seen;
    await this.#context.records.saveSeen(this.#rid, seen);
  }

  /** One after the other. What fails is warned of, and comes again with the next join. */
  #next(step) {
    return this.#steps.run(step).catch((error) => this.#warn(error));
  }

  #warn(error) {
    this.#context.warn(error, `taking what came by ${this.#rid ? `the room ${this.#rid}` : "the inbox"}`);
  }
}
