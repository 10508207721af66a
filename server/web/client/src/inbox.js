/**
 * The topic `user:<uid>`: what is addressed to this user in any room, so that an approve comes even where the room
 * is not open.
 */
import { Topic, listed } from "./topic.js";

/** A user's inbox. */
export class Inbox {
  #context;
  #topic;
  #onApprove;

  /**
   * @param {import("./topic.js").Context} context
   * @param {(approve: any, ack: (approveId: string) => Promise<any>) => void} onApprove
   */
  constructor(context, onApprove) {
    this.#context = context;
    this.#onApprove = onApprove;
    this.#topic = new Topic(context, `user:${context.uid}`);
  }

  /** @returns {Promise<void>} when it is joined */
  join() {
    this.#topic.channel.on("approve", (approve) => this.#take(approve));
    return this.#topic.join(async ({ approves, more }) => {
      for (const approve of approves) this.#take(approve);
      // Not awaited: it may be long, and nothing else has to wait for it.
      if (more) this.#takeRest().catch((error) => this.#context.warn(error));
    });
  }

  /**
   * @param {import("./errors.js").VestibuleError} error
   * @returns {Promise<void>} when the server knows
   */
  end(error) {
    return this.#topic.end(error);
  }

  async #takeRest() {
    for await (const approve of listed(this.#topic.courier, "approved")) this.#take(approve);
  }

  #take(approve) {
    const { rid } = approve;
    const { device } = this.#context;
    const ack = (approve_id) => this.#topic.courier.send("ack", { rid, approve_id, device });
    this.#onApprove(approve, ack);
  }
}
