/**
 * ClaimQueue at a storage that one connection may use at a time: among those of this page (or process), and against others
 * by a lock.
 *
 * The lock is the page's. A connection that ends hands it on to the next of the same page, without giving it back in
 * between, so that a page that mounts a component twice is not locked out by itself, nor by a tab that waits.
 */
import { VestibuleError } from "./errors.js";

/** @typedef {import("./storage.js").Release} Release */

/**
 * Takes the lock for the page; gives null where it is another's and it was not to wait.
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

/** The turns at one storage. */
export class ClaimQueue {
  #lock;
  #elsewhere;
  #here;
  /** The first has its turn, or will have it once the lock is the page's. @type {Claim[]} */
  #claims = [];
  /** Gives the lock back; null where the page does not have it. @type {Release | null} */
  #held = null;
  /** The lock is being asked for. @type {{wait: boolean, end: AbortController} | null} */
  #asking = null;
  /** Settles when the lock has been given back. @type {Promise<void>} */
  #freed = Promise.resolve();

  /**
   * @param {Lock} lock
   * @param {string} elsewhere a sentence that says who has the lock where another page has it
   * @param {string} here the same where this page has it
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
      // One that is on its way out makes room without being waited for.
      const isTaken = this.#claims.some((other) => !other.signal?.aborted);
      if (isTaken && !wait) throw inUse(this.#here);
      const claim = { wait, signal, isGranted: false, resolve, reject };
      this.#claims.push(claim);
      signal?.addEventListener("abort", () => this.#giveUp(claim), { once: true });
      this.#next();
    });
  }

  #giveUp(claim) {
    // A claim that has its turn is released by its holder.
    if (claim.isGranted || !this.#remove(claim)) return;
    claim.reject(claim.signal.reason);
    this.#next();
  }

  /** @returns {Promise<void>} when the lock is free, or the next connection's */
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
      // No claim waits any more, or the next one does not.
      this.#asking.end.abort();
    }
  }

  #grant(claim) {
    claim.isGranted = true;
    claim.resolve(() => this.#release(claim));
  }

  #freeLock() {
    // A moment later: a claim in the same breath gets the lock from the page.
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

  #refuse(isMeant, error) {
    const refused = this.#claims.filter(isMeant);
    this.#claims = this.#claims.filter((claim) => !refused.includes(claim));
    for (const claim of refused) claim.reject(error);
  }
}

/** @param {string} detail */
function inUse(detail) {
  return new VestibuleError("in_use", detail);
}
