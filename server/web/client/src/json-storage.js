/**
 * Stores values in a storage as JSON, until the storage is released. Whatever the storage throws
 * becomes the cause of an error that says what failed.
 */
import { VestibuleError } from "./errors.js";

/** JSON values on top of one storage. */
export class JsonStorage {
  #storage;
  /** Writes that the storage has not completed. @type {Set<Promise<unknown>>} */
  #pending = new Set();
  /** @type {VestibuleError | null} */
  #closed = null;

  /** @param {import("./storage.js").Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * Stops writing.
   *
   * @param {VestibuleError} error rejects later writes
   * @returns {Promise<unknown> | null} when pending writes are done; null if none is pending
   */
  close(error) {
    this.#closed = error;
    return this.#pending.size > 0 ? Promise.allSettled(this.#pending) : null;
  }

  /** @returns {Promise<string[]>} the names of all values; empty if the storage cannot list them */
  async names() {
    const names = (await attempt(() => this.#storage.names?.(), "cannot read its names")) ?? [];
    // Any iterable will do, such as the keys of a Map.
    if (typeof names[Symbol.iterator] === "function") return [...names];
    throw new VestibuleError("bad_storage", "`names` did not return a list");
  }

  /**
   * @param {string} name
   * @returns {Promise<any>} null if there is no value
   */
  async read(name) {
    const text = await attempt(() => this.#storage.get(name), `cannot read ${name}`);
    if (text === null || text === undefined) return null;
    try {
      return JSON.parse(text);
    } catch {
      // Never quote the text: it may contain a key.
      throw new VestibuleError("bad_storage", `${name} is not JSON`);
    }
  }

  /**
   * @param {string} name
   * @param {any} value
   * @returns {Promise<void>} when the value is durable
   */
  async write(name, value) {
    await this.#change(() => this.#storage.set(name, JSON.stringify(value)), `cannot write ${name}`);
  }

  /**
   * @param {string} name
   * @returns {Promise<void>}
   */
  async delete(name) {
    await this.#change(() => this.#storage.delete(name), `cannot delete ${name}`);
  }

  /** A synchronous change is never pending. */
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

/** @returns {any} the storage's result, which may be a promise */
function attempt(ask, failure) {
  const fail = (cause) => {
    throw cause instanceof VestibuleError ? cause : new VestibuleError("bad_storage", failure, { cause });
  };
  try {
    const answer = ask();
    return typeof answer?.then === "function" ? Promise.resolve(answer).catch(fail) : answer;
  } catch (cause) {
    return fail(cause);
  }
}
