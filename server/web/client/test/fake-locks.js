/** As much of the Web Locks API as is used: exclusive locks by name, for the "tabs" that share one of these. */
export class FakeLocks {
  /** Who waits for a lock, by its name; the name is there as long as the lock is held. @type {Map<string, object[]>} */
  #held = new Map();

  /** @returns {string[]} the names of the locks that are held */
  get names() {
    return [...this.#held.keys()];
  }

  /** @returns {{request: LockManager["request"]}} the locks as another tab has them: an object of its own */
  tab() {
    return { request: (...args) => this.request(...args) };
  }

  async request(name, { ifAvailable = false, signal }, callback) {
    if (ifAvailable && signal) throw new DOMException("the two do not go together", "NotSupportedError");
    signal?.throwIfAborted();
    if (this.#held.has(name)) {
      if (ifAvailable) return callback(null);
      await this.#turn(name, signal);
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

  #turn(name, signal) {
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
