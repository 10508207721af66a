/**
 * The topic `user:<uid>`. It brings what is addressed to this user in any room, so that an approve
 * arrives even if the room is not open.
 */
import { Deliveries } from "./deliveries.js";
import { isId } from "./ids.js";
import { Subscription } from "./subscription.js";

/** The inbox of one user. */
export class Inbox {
  #subscription;
  #deliveries;
  #warn;
  /** The server's limits, as its last join reply said. @type {{name: number, message?: number}} */
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
      // Not awaited: the lists may be long, and nothing depends on them.
      this.#deliveries.joined(reply).catch(this.#warn);
    });
  }

  /**
   * @param {import("./errors.js").VestibuleError} error
   * @returns {Promise<void>} when the server has answered
   */
  end(error) {
    return this.#subscription.end(error);
  }
}
