/**
 * The used part of the Web Locks API: exclusive locks by name, for the "tabs" that share an
 * instance.
 */
export class FakeLocks {
  /** The waiters for each held lock, by its name. @type {Map<string, object[]>} */
  #held = new Map();

  /** @returns {string[]} the names of held locks */
  get names() {
    return [...this.#held.keys()];
  }

  /**
   * @returns {{request: LockManager["request"]}} the locks as another tab sees them: a separate
   *   object
   */
  tab() {
    return { request: (...args) => this.request(...args) };
  }

  async request(name, { ifAvailable = false, signal }, callback) {
    if (ifAvailable && signal) throw new DOMException("`ifAvailable` excludes `signal`", "NotSupportedError");
    signal?.throwIfAborted();
    if (this.#held.has(name)) {
      if (ifAvailable) return callback(null);
      await this.#wait(name, signal);
    } else {
      this.#held.set(name, []);
    }
    try {
      return await callback({ name });
    } finally {
      const next = this.#held.get(name).shift();
      if (next) next.resolve();
      else this.#held.delete(name);
    }
  }

  #wait(name, signal) {
    const waiting = this.#held.get(name);
    return new Promise((resolve, reject) => {
      const waiter = { resolve };
      waiting.push(waiter);
      signal?.addEventListener("abort", () => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(signal.reason);
      });
    });
  }
}
