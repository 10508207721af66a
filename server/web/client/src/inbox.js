/**
 * The topic `user:<uid>`: what is addressed to this user in any room, so that an approve comes even where the room
 * is not open.
 */
import { Deliveries } from "./deliveries.js";
import { isId } from "./ids.js";
import { Subscription } from "./subscription.js";

/** A user's inbox. */
export class Inbox {
  #subscription;
  #deliveries;
  #warn;
  /** What the server takes, by the answer to the last join. @type {{name: number, message?: number}} */
  limits = { name: Infinity };

  /**
   * @param {import("./context.js").Context} context
   * @param {import("./deliveries.js").DeliveryHandlers["approve"]} onApprove
   */
  constructor(context, onApprove) {
    this.#warn = context.warn;
    this.#deliveries = new Deliveries(context, null, {
      approve: (approve, ...answers) => isId(approve.rid) && onApprove(approve, ...answers),
      notice: async (notice) => isId(notice.rid) && context.notices.take(notice),
    });
    this.#subscription = new Subscription(context, `user:${context.uid}`, () => this.#deliveries.joinFields);
  }

  /** @returns {Promise<void>} when it is joined */
  async join() {
    await this.#deliveries.load();
    this.#deliveries.listen(this.#subscription);
    return this.#subscription.join(async (reply) => {
      this.limits = reply.limits;
      // Not awaited: there may be many, and nothing else has to wait for them.
      this.#deliveries.joined(reply).catch(this.#warn);
    });
  }

  /**
   * @param {import("./errors.js").VestibuleError} error
   * @returns {Promise<void>} when the server knows
   */
  end(error) {
    return this.#subscription.end(error);
  }
}
