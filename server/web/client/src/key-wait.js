/**
 * The callers that wait for one room's key. None waits for ever: each is told when the key comes, when the requests that
 * could bring it have ended, or when this client disconnects.
 */
import { VestibuleError } from "./errors.js";

/** What a timer can hold. */
const LONGEST_MS = 2 ** 31 - 1;

/** One room's. */
export class KeyWait {
  #context;
  #check;
  #waiters = new Set();
  /** @type {any} */
  #timer;
  /** @type {VestibuleError | null} */
  #ended = null;

  /**
   * @param {import("./context.js").Context} context
   * @param {() => Promise<void>} check finds out whether there is anything to wait for, and until when
   */
  constructor(context, check) {
    this.#context = context;
    this.#check = check;
  }

  /** @returns {Promise<import("./keys.js").SigningKey>} settled by {@link KeyWait#settle} */
  begin() {
    if (this.#ended) return Promise.reject(this.#ended);
    const waiting = new Promise((resolve, reject) => this.#waiters.add({ resolve, reject }));
    this.#check().catch((error) => this.settle("reject", VestibuleError.from(error, "looking for a room's key")));
    return waiting;
  }

  /** @returns {boolean} */
  get isAwaited() {
    return this.#waiters.size > 0;
  }

  /**
   * @param {"resolve" | "reject"} how
   * @param {any} value what all that wait are told
   */
  settle(how, value) {
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters) waiter[how](value);
    this.#waiters.clear();
  }

  /** @param {number} time in Unix ms: until then it may come */
  checkAt(time) {
    clearTimeout(this.#timer);
    if (this.#waiters.size === 0) return;
    const { clock, warn } = this.#context;
    this.#timer = setTimeout(() => this.#check().catch(warn), Math.min(time - clock.now(), LONGEST_MS));
    // In Node it is the connection that keeps the process alive.
    this.#timer.unref?.();
  }

  /** @param {VestibuleError} error what everybody is told, from here on at once */
  end(error) {
    this.#ended = error;
    this.settle("reject", error);
  }
}
