/**
 * One topic of the socket: its channel and its courier, over as many joins as the connection needs.
 */
import { Courier } from "./courier.js";
import { VestibuleError } from "./errors.js";

/** How long a leave waits for its answer. */
const LEAVE_MS = 1000;

/** Refusals of a join that another try may not meet; phoenix.js tries again by itself. */
const TRY_AGAIN = new Set(["rate_limited", "unavailable", "overloaded", "storage_full"]);

/**
 * What the parts of one client share.
 *
 * @typedef {object} Context
 * @property {import("phoenix").Socket} socket
 * @property {string} server the name to sign proofs for
 * @property {import("./keys.js").SigningKey} user
 * @property {string} uid
 * @property {string} device
 * @property {import("./records.js").Records} records
 * @property {import("./clock.js").Clock} clock what every time that is signed or compared is taken from
 * @property {import("./notices.js").Notices} notices
 * @property {(error: unknown, doing?: string) => void} warn what was caught and has nobody else to go to, and what was
 *   being done
 * @property {import("./sign-in-again.js").SignInAgain} signInAgain
 */

/** A topic that this client stays joined to. */
export class Topic {
  #context;
  #joins = 0;
  /** When the last join was said. */
  #asked = 0;
  /**
   * Settles the promise of `join`; null once it is settled.
   *
   * @type {{resolve: () => void, reject: (error: VestibuleError) => void} | null}
   */
  #first = null;
  /** @type {VestibuleError | null} */
  #ended = null;

  /**
   * @param {Context} context
   * @param {string} name
   * @param {() => object} [joinFields] more of what each join says, asked for anew
   */
  constructor(context, name, joinFields = () => ({})) {
    this.#context = context;
    /** @type {import("phoenix").Channel} */
    this.channel = context.socket.channel(name, () => {
      this.#asked = Date.now();
      return { v: 1, device: context.device, ...joinFields() };
    });
    /** @type {Courier} */
    this.courier = new Courier(this.channel, context.clock);
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
    this.courier.end(error);
    this.#first?.reject(error);
    this.#first = null;
    // phoenix.js settles it at once where there is no connection to leave by.
    return new Promise((left) => this.channel.leave(LEAVE_MS).receive("ok", left).receive("timeout", left));
  }

  async #joined(reply, onJoin) {
    const join = ++this.#joins;
    const { clock, signInAgain } = this.#context;
    signInAgain.accepted();
    clock.heard(reply?.now, Date.now() - this.#asked);
    this.courier.limit(reply?.limits?.message);
    this.courier.open("guest");
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
    this.courier.close();
  }

  #refused(error) {
    if (error.reason === "unauthorized") this.#context.signInAgain.refused();
    else if (TRY_AGAIN.has(error.reason)) return;
    else if (this.#first) this.end(error);
    else this.#context.warn(error);
  }
}

/**
 * Reads a paged list to its end.
 *
 * @param {Courier} courier
 * @param {"pending" | "denials" | "mine" | "approved" | "notices"} event
 * @param {{as?: import("./courier.js").Role, cursor?: any}} [options] from which cursor on; from the beginning without
 * @returns {AsyncGenerator<any>} the items
 */
export async function* listed(courier, event, { as, cursor } = {}) {
  do {
    const page = await courier.send(event, cursor ? { cursor } : {}, { as });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor);
}

/**
 * @param {Courier} courier
 * @param {"pending" | "denials" | "mine" | "approved" | "notices"} event
 * @param {any} cursor of the rest of the list, nothing where there is none
 * @param {(item: any) => boolean} isIt
 * @returns {Promise<boolean>} whether it is in the rest
 */
export async function isListed(courier, event, cursor, isIt) {
  if (!cursor) return false;
  for await (const item of listed(courier, event, { cursor })) if (isIt(item)) return true;
  return false;
}
