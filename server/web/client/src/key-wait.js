/**
 * The callers that wait for one room's key. None waits for ever: each is settled when the key
 * arrives, when the requests that could bring it have ended, or when this client disconnects.
 */
import { VestibuleError } from "./errors.js";

/** The longest delay that a timer supports. */
const LONGEST_MS = 2 ** 31 - 1;

/** The callers of one room. */
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
   * @param {() => Promise<void>} check finds out whether and until when the key may still arrive
   */
  constructor(context, check) {
    this.#context = context;
    this.#check = check;
  }

  /** @returns {Promise<import("./keys.js").SigningKey>} settled by {@link KeyWait#settle} */
  begin() {
    if (this.#ended) return Promise.reject(this.#ended);
    const waiting = new Promise((resolve, reject) => this.#waiters.add({ resolve, reject }));
    this.#check().catch((error) => this.settle("reject", VestibuleError.from(error, "checking for a room's key")));
    return waiting;
  }

  /** @returns {boolean} */
  get isAwaited() {
    return this.#waiters.size > 0;
  }

  /**
   * @param {"resolve" | "reject"} how
   * @param {any} value what all waiting callers get
   */
  settle(how, value) {
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters) waiter[how](value);
    this.#waiters.clear();
  }

  /** @param {number} time in Unix ms; the key may arrive until then */
  checkAt(time) {
    clearTimeout(this.#timer);
    if (this.#waiters.size === 0) return;
    const { clock, warn } = this.#context;
    this.#timer = setTimeout(() => this.#check().catch(warn), Math.min(time - clock.now(), LONGEST_MS));
    // In Node the connection keeps the process alive; this timer must not.
    this.#timer.unref?.();
  }

  /** @param {VestibuleError} error rejects all callers, present and future */
  end(error) {
    this.#ended = error;
    this.settle("reject", error);
  }
}
