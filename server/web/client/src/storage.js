/**
 * The interface of the storage in which a client keeps its keys, and two implementations.
 */
import { VestibuleError } from "./errors.js";
import { ClaimQueue } from "./claim-queue.js";

/**
 * Maps names to strings: a client's keys and its open requests. One storage belongs to one user.
 *
 * A value must survive a crash once `set` has returned or its promise has resolved: the protocol's
 * "saved, *then* acked" depends on it. The values are secret: they include unencrypted private
 * keys.
 *
 * @typedef {object} Storage
 * @property {(name: string) => string | null | Promise<string | null>} get
 * @property {(name: string, value: string) => void | Promise<void>} set
 * @property {(name: string) => void | Promise<void>} delete
 * @property {(options?: ClaimOptions) => Promise<Release>} [claim] resolves once nobody else uses
 *   the storage; rejects with `in_use` if somebody does, unless told to wait. A process that ends
 *   without a release must not block others
 * @property {() => Iterable<string> | Promise<Iterable<string>>} [names] the names of all values
 */

/** @typedef {() => void | Promise<void>} Release frees the storage; further calls do nothing */

/**
 * @typedef {object} ClaimOptions
 * @property {boolean} [wait] wait until the storage is free
 * @property {AbortSignal} [signal] ends the wait, with its reason. Once the storage is claimed, an
 *   abort announces the release, so that the page's next claim may wait for it instead of being
 *   refused
 */

/**
 * This page's claims, by lock manager and storage prefix.
 *
 * @type {WeakMap<LockManager, Map<string, ClaimQueue>>}
 */
const pages = new WeakMap();

/**
 * The browser's `localStorage`. Two users of one origin need two prefixes. The Web Locks API claims
 * it for one tab at a time and releases it when the tab is closed; without that API nobody is kept
 * out.
 *
 * @implements {Storage}
 */
export class LocalStorage {
  #area;
  #prefix;
  #locks;

  /**
   * @param {object} [options]
   * @param {string} [options.prefix] of the stored names
   * @param {globalThis.Storage} [options.area]
   * @param {LockManager} [options.locks] default: the browser's; none for another area, which other
   *   tabs do not share
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
 * Forgets everything when the process ends: for tests and experiments.
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

/**
 * @returns {globalThis.Storage | null} the browser's; null if it is missing or disabled for this
 *   page
 */
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
  const detail = "localStorage is not available: pass an `area` to LocalStorage, or use another storage";
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
