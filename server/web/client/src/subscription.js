/**
 * A subscription to one topic: its channel and its retry queue, across reconnects.
 */
import { RetryQueue } from "./retry-queue.js";
import { VestibuleError } from "./errors.js";

/** How long to wait for the reply to a leave. */
const LEAVE_TIMEOUT_MS = 1000;

/** Refusals of a join that may be temporary; phoenix.js retries by itself. */
const TEMPORARY = new Set(["rate_limited", "unavailable", "overloaded", "storage_full"]);

/** Keeps one topic joined. */
export class Subscription {
  #context;
  #joins = 0;
  /** When the last join was sent. */
  #sentAt = 0;
  /**
   * Settles the promise of `join`; null once settled.
   *
   * @type {{resolve: () => void, reject: (error: VestibuleError) => void} | null}
   */
  #first = null;
  /** @type {VestibuleError | null} */
  #ended = null;

  /**
   * @param {import("./context.js").Context} context
   * @param {string} topic
   * @param {() => object} [joinFields] further fields of each join's payload
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
   * @param {(reply: any, current: () => boolean) => Promise<void>} onJoin called at this join and
   *   at each rejoin; `current` tells whether that join is still the last one
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
   * @param {(payload: any) => unknown} handler what it throws, such as for a malformed payload,
   *   becomes a warning: unhandled, it would end a process
   * @returns {() => void} removes the handler
   */
  on(event, handler) {
    const { warn } = this.#context;
    const ref = this.channel.on(event, async (payload) => {
      try {
        await handler(payload);
      } catch (error) {
        warn(error, `handling the push \`${event}\` of ${this.channel.topic}`);
      }
    });
    return () => this.channel.off(event, ref);
  }

  /**
   * Leaves for good.
   *
   * @param {VestibuleError} error rejects everything unanswered
   * @returns {Promise<void>} when the server has answered or the wait is over
   */
  end(error) {
    this.#ended = error;
    this.queue.end(error);
    this.#first?.reject(error);
    this.#first = null;
    // phoenix.js settles it at once if there is no connection.
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
      // The next join repeats it.
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
