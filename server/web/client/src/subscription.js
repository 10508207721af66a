/**
 * A subscription to one topic: its channel and its retry queue, across reconnects.
 */
import { RetryQueue } from "./retry-queue.js";
import { VestibuleError } from "./errors.js";

/** How long a leave waits for its answer. */
const LEAVE_TIMEOUT_MS = 1000;

/** Refusals of a join that another try may not meet; phoenix.js tries again by itself. */
const TEMPORARY = new Set(["rate_limited", "unavailable", "overloaded", "storage_full"]);

/** Keeps one topic joined. */
export class Subscription {
  #context;
  #joins = 0;
  /** When the last join was said. */
  #sentAt = 0;
  /**
   * Settles the promise of `join`; null once it is settled.
   *
   * @type {{resolve: () => void, reject: (error: VestibuleError) => void} | null}
   */
  #first = null;
  /** @type {VestibuleError | null} */
  #ended = null;

  /**
   * @param {import("./context.js").Context} context
   * @param {string} topic
   * @param {() => object} [joinFields] more of what each join says, asked for anew
   */
  constructor(context, topic, joinFields = () => ({})) {
    this.#context = context;
    /** @type {import("phoenix").Channel} */
    this.channel = context.socket.channel(topic, () => {
      this.#sentAt = Date.now();
      return { v: 1, device: context.device, ...joinFields() };
    });
    /** @type {RetryQueue} */
    this.queue = new RetryQueue(this.channel, context.clock);
  }

  /**
   * @param {(reply: any, current: () => boolean) => Promise<void>} onJoin is run at this join and at each rejoin;
   *   `current` tells whether that join is still the last
   * @returns {Promise<void>} when `onJoin` has succeeded once
   */
  join(onJoin) {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject };
      this.channel.onError(() => this.#left());
      this.channel.onClose(() => this.#left());
      this.channel
        .join()
        .receive("ok", (reply) => this.#joined(reply, onJoin))
        .receive("error", (error) => this.#refused(VestibuleError.fromReply(error)));
    });
  }

  /**
   * @param {string} event
   * @param {(payload: any) => unknown} handler what it throws, such as for a payload that is none, is warned of: in
   *   phoenix.js, or in nobody's hands, it would end a process
   * @returns {() => void} stops it
   */
  on(event, handler) {
    const { warn } = this.#context;
    const ref = this.channel.on(event, async (payload) => {
      try {
        await handler(payload);
      } catch (error) {
        warn(error, `taking the push \`${event}\` of ${this.channel.topic}`);
      }
    });
    return () => this.channel.off(event, ref);
  }

  /**
   * Leaves for good.
   *
   * @param {VestibuleError} error what everything unanswered is rejected with
   * @returns {Promise<void>} when the server knows, or does not answer
   */
  end(error) {
    this.#ended = error;
    this.queue.end(error);
    this.#first?.reject(error);
    this.#first = null;
    // phoenix.js settles it at once where there is no connection to leave by.
    return new Promise((left) => this.channel.leave(LEAVE_TIMEOUT_MS).receive("ok", left).receive("timeout", left));
  }

  async #joined(reply, onJoin) {
    const join = ++this.#joins;
    const { clock, tokenRenewal } = this.#context;
    tokenRenewal.accepted();
    clock.update(reply?.now, Date.now() - this.#sentAt);
    this.queue.limit(reply?.limits?.message);
    this.queue.open("guest");
    try {
      await onJoin(reply, () => join === this.#joins);
      this.#first?.resolve();
      this.#first = null;
    } catch (cause) {
      const error = VestibuleError.from(cause, `joining ${this.channel.topic}`);
      // The next join does it again.
      if (error.passing) return;
      if (this.#first) this.end(error);
      else this.#context.warn(error);
    }
  }

  #left() {
    this.#joins += 1;
    this.queue.close();
  }

  #refused(error) {
    if (error.reason === "unauthorized") this.#context.tokenRenewal.refused();
    else if (TEMPORARY.has(error.reason)) return;
    else if (this.#first) this.end(error);
    else this.#context.warn(error);
  }
}
