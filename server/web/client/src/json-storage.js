/**
 * Values in a storage, as JSON, until the storage is the next connection's. Whatever a storage throws is the cause of an
 * error that says what could not be done.
 */
import { VestibuleError } from "./errors.js";

/** One storage's. */
export class JsonStorage {
  #storage;
  /** Writes that the storage has not answered. @type {Set<Promise<unknown>>} */
  #pending = new Set();
  /** @type {VestibuleError | null} */
  #closed = null;

  /** @param {import("./storage.js").Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * Nothing is written any more.
   *
   * @param {VestibuleError} error what comes too late is rejected with
   * @returns {Promise<unknown> | null} when what is under way is written; null where nothing is
   */
  close(error) {
    this.#closed = error;
    return this.#pending.size > 0 ? Promise.allSettled(this.#pending) : null;
  }

  /** @returns {Promise<string[]>} the names of what is there; none where the storage cannot list them */
  async names() {
    const names = (await attempt(() => this.#storage.names?.(), "its names could not be read")) ?? [];
    // A Map's keys are no array, and as good.
    if (typeof names[Symbol.iterator] !== "function") throw new VestibuleError("bad_storage", "its names are no list");
    return [...names];
  }

  /**
   * @param {string} name
   * @returns {Promise<any>} null where there is nothing
   */
  async read(name) {
    const text = await attempt(() => this.#storage.get(name), `${name} could not be read`);
    if (text === null || text === undefined) return null;
    try {
      return JSON.parse(text);
    } catch {
      // Never the text itself: it may hold a key.
      throw new VestibuleError("bad_storage", `${name} is no JSON`);
    }
  }

  /**
   * @param {string} name
   * @param {any} value
   * @returns {Promise<void>} when it is there for good
   */
  async write(name, value) {
    await this.#change(() => this.#storage.set(name, JSON.stringify(value)), `${name} could not be written`);
  }

  /**
   * @param {string} name
   * @returns {Promise<void>}
   */
  async delete(name) {
    await this.#change(() => this.#storage.delete(name), `${name} could not be deleted`);
  }

  /** What a storage does at once is never under way. */
  #change(change, failure) {
    if (this.#closed) throw this.#closed;
    const changed = attempt(change, failure);
    if (!(changed instanceof Promise)) return;
    this.#pending.add(changed);
    const done = () => this.#pending.delete(changed);
    changed.then(done, done);
    return changed;
  }
}

/** @returns {any} what the storage answers, or a promise of it where that is what it gives */
function attempt(ask, failure) {
  const tell = (cause) => {
    throw cause instanceof VestibuleError ? cause : new VestibuleError("bad_storage", failure, { cause });
  };
  try {
    const answer = ask();
    return typeof answer?.then === "function" ? Promise.resolve(answer).catch(tell) : answer;
  } catch (cause) {
    return tell(cause);
  }
}
