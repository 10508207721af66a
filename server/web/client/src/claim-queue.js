/**
 * Queues claims of a storage that one connection may use at a time: the claims of this page (or
 * process) take turns, and a lock keeps out other pages.
 *
 * The lock belongs to the page. A connection that ends passes it to the next one of the same page
 * without releasing it in between, so that a page that mounts a component twice is locked out
 * neither by itself nor by a waiting tab.
 */
import { VestibuleError } from "./errors.js";

/** @typedef {import("./storage.js").Release} Release */

/**
 * Takes the lock for the page; resolves to null if another page holds it and `wait` is false.
 *
 * @typedef {(options: {wait: boolean, signal: AbortSignal}) => Promise<Release | null>} Lock
 */

/**
 * @typedef {object} Claim
 * @property {boolean} wait
 * @property {AbortSignal} [signal]
 * @property {boolean} isGranted
 * @property {(release: Release) => void} resolve
 * @property {(reason: unknown) => void} reject
 */

/** The claims of one storage. */
export class ClaimQueue {
  #lock;
  #elsewhere;
  #here;
  /** The first claim is granted, or will be once the page has the lock. @type {Claim[]} */
  #claims = [];
  /** Releases the lock; null if the page does not hold it. @type {Release | null} */
  #held = null;
  /** The current attempt to take the lock. @type {{wait: boolean, end: AbortController} | null} */
  #asking = null;
  /** Settles when the lock is released. @type {Promise<void>} */
  #freed = Promise.resolve();

  /**
   * @param {Lock} lock
   * @param {string} elsewhere the error message if another page holds the lock
   * @param {string} here the error message if this page holds it
   */
  constructor(lock, elsewhere, here) {
    this.#lock = lock;
    this.#elsewhere = elsewhere;
    this.#here = here;
  }

  /**
   * @param {import("./storage.js").ClaimOptions} [options]
   * @returns {Promise<Release>}
   */
  claim({ wait = false, signal } = {}) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      // A claim that was aborted will be released soon and does not count.
      const isTaken = this.#claims.some((other) => !other.signal?.aborted);
      if (isTaken && !wait) throw inUse(this.#here);
      const claim = { wait, signal, isGranted: false, resolve, reject };
      this.#claims.push(claim);
      signal?.addEventListener("abort", () => this.#giveUp(claim), { once: true });
      this.#next();
    });
  }

  #giveUp(claim) {
    // The holder of a granted claim releases it.
    if (claim.isGranted || !this.#remove(claim)) return;
    claim.reject(claim.signal.reason);
    this.#next();
  }

  /** @returns {Promise<void>} when the lock is free or passed on */
  #release(claim) {
    if (this.#remove(claim)) this.#next();
    return this.#freed;
  }

  #remove(claim) {
    const at = this.#claims.indexOf(claim);
    if (at >= 0) this.#claims.splice(at, 1);
    return at >= 0;
  }

  #next() {
    const [claim] = this.#claims;
    if (claim?.isGranted) return;
    if (this.#held) {
      if (claim) this.#grant(claim);
      else this.#freeLock();
    } else if (!this.#asking) {
      if (claim) this.#ask(claim.wait);
    } else if (this.#asking.wait && !claim?.wait) {
      // No claim is left that would wait.
      this.#asking.end.abort();
    }
  }

  #grant(claim) {
    claim.isGranted = true;
    claim.resolve(() => this.#release(claim));
  }

  #freeLock() {
    // In a microtask, so that an immediately following claim gets the lock from the page.
    this.#freed = Promise.resolve().then(() => {
      if (this.#claims.length > 0) return;
      const free = this.#held;
      this.#held = null;
      return free?.();
    });
  }

  async #ask(wait) {
    const asking = { wait, end: new AbortController() };
    this.#asking = asking;
    try {
      await this.#freed;
      this.#held = await this.#lock({ wait, signal: asking.end.signal });
      if (!this.#held) this.#refuse((claim) => !claim.wait, inUse(this.#elsewhere));
    } catch (error) {
      if (!asking.end.signal.aborted) this.#refuse(() => true, error);
    }
    this.#asking = null;
    this.#next();
  }

  #refuse(isAffected, error) {
    const refused = this.#claims.filter(isAffected);
    this.#claims = this.#claims.filter((claim) => !refused.includes(claim));
    for (const claim of refused) claim.reject(error);
  }
}

/** @param {string} detail */
function inUse(detail) {
  return new VestibuleError("in_use", detail);
}
