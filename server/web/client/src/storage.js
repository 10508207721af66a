/**
 * Where a client keeps what must outlast it: the interface, and two that implement it.
 */
import { VestibuleError } from "./errors.js";
import { ClaimQueue } from "./claim-queue.js";

/**
 * Keeps a client's keys and its open requests: names to texts. One storage belongs to one user.
 *
 * What `set` was given must be there after a crash once it has returned or its promise has resolved; the flow's
 * "saved, *then* acked" stands on that. The values are secret: private keys in the clear.
 *
 * @typedef {object} Storage
 * @property {(name: string) => string | null | Promise<string | null>} get
 * @property {(name: string, value: string) => void | Promise<void>} set
 * @property {(name: string) => void | Promise<void>} delete
 * @property {(options?: ClaimOptions) => Promise<Release>} [claim] resolves once nobody else uses the storage; rejects
 *   with `in_use` where somebody does, unless told to wait. Who ends without a release must not keep others out
 * @property {() => Iterable<string> | Promise<Iterable<string>>} [names] of what is kept
 */

/** @typedef {() => void | Promise<void>} Release frees the storage; called again, it does nothing */

/**
 * @typedef {object} ClaimOptions
 * @property {boolean} [wait] until the storage is free
 * @property {AbortSignal} [signal] ends the waiting, with its reason. Once the storage is claimed, it says that the
 *   release is on its way, so that the next of the same page may wait for that rather than be refused
 */

/** This page's turns, by the locks that they are taken with. @type {WeakMap<LockManager, Map<string, ClaimQueue>>} */
const pages = new WeakMap();

/**
 * The browser's `localStorage`. Two users of one origin need two prefixes. It is claimed for one tab at a time with the
 * Web Locks API, which frees what a tab held when that is closed; where there is none, nobody is kept out.
 *
 * @implements {Storage}
 */
export class LocalStorage {
  #area;
  #prefix;
  #locks;

  /**
   * @param {object} [options]
   * @param {string} [options.prefix] of the names in it
   * @param {globalThis.Storage} [options.area]
   * @param {LockManager} [options.locks] the browser's own; none for another area, since other tabs don't see that
   */
  constructor({ prefix = "vestibule/", area = localArea(), locks = locksOf(area) } = {}) {
    this.#area = area;
    this.#prefix = prefix;
    this.#locks = locks;
  }

  /**
   * @param {ClaimOptions} [options]
   * @returns {Promise<Release>}
   */
  async claim(options) {
    return this.#locks ? claimQueueOf(this.#locks, this.#prefix).claim(options) : () => {};
  }

  /** @returns {string[]} */
  names() {
    const all = Array.from({ length: this.#area.length }, (_, at) => this.#area.key(at) ?? "");
    return all.filter((name) => name.startsWith(this.#prefix)).map((name) => name.slice(this.#prefix.length));
  }

  /**
   * @param {string} name
   * @returns {string | null}
   */
  get(name) {
    return this.#area.getItem(this.#prefix + name);
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  set(name, value) {
    this.#area.setItem(this.#prefix + name, value);
  }

  /** @param {string} name */
  delete(name) {
    this.#area.removeItem(this.#prefix + name);
  }
}

/**
 * Forgets all with the process: for tests and for trying things out.
 *
 * @implements {Storage}
 */
export class MemoryStorage {
  #values = new Map();

  /** @returns {string[]} */
  names() {
    return [...this.#values.keys()];
  }

  /**
   * @param {string} name
   * @returns {string | null}
   */
  get(name) {
    return this.#values.get(name) ?? null;
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  set(name, value) {
    this.#values.set(name, value);
  }

  /** @param {string} name */
  delete(name) {
    this.#values.delete(name);
  }
}

/** @returns {globalThis.Storage | null} the browser's; null where there is none, or nothing is kept of this page's */
function browserArea() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}

/** @returns {globalThis.Storage} */
function localArea() {
  const area = browserArea();
  if (area) return area;
  const detail = "there is no localStorage here: give LocalStorage an `area`, or use another storage";
  throw new VestibuleError("bad_storage", detail);
}

/**
 * @param {globalThis.Storage} area
 * @returns {LockManager | undefined}
 */
function locksOf(area) {
  return area === browserArea() ? globalThis.navigator?.locks : undefined;
}

/**
 * @param {LockManager} locks
 * @param {string} prefix
 * @returns {ClaimQueue}
 */
function claimQueueOf(locks, prefix) {
  const queues = pages.get(locks) ?? new Map();
  pages.set(locks, queues);
  const known = queues.get(prefix);
  if (known) return known;
  const [elsewhere, here] = ["another tab has it open", "another connection of this page has it open"];
  const made = new ClaimQueue(webLock(locks, prefix), elsewhere, here);
  queues.set(prefix, made);
  return made;
}

/**
 * @param {LockManager} locks
 * @param {string} prefix
 * @returns {import("./claim-queue.js").Lock}
 */
function webLock(locks, prefix) {
  return ({ wait, signal }) => new Promise((resolve, reject) => {
    const options = wait ? { signal } : { ifAvailable: true };
    const held = locks.request(`vestibule-client ${prefix}`, options, (lock) => {
      if (!lock) return resolve(null);
      // The lock is held until this promise is settled.
      return new Promise((free) => {
        resolve(() => {
          free(undefined);
          return ended;
        });
      });
    });
    const ended = held.then(() => {}, reject);
  });
}
