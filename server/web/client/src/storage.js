/**
 * Where a client keeps its keys and its open requests: names to texts. One storage belongs to one user.
 *
 * What `set` was given must be there after a crash once it has returned or its promise has resolved; the flow's
 * "saved, *then* acked" stands on that. The values are secret: private keys in the clear.
 *
 * @typedef {object} Storage
 * @property {(name: string) => string | null | Promise<string | null>} get
 * @property {(name: string, value: string) => void | Promise<void>} set
 * @property {(name: string) => void | Promise<void>} delete
 */

/**
 * The browser's `localStorage`. Two users of one origin need two prefixes.
 *
 * @implements {Storage}
 */
export class LocalStorage {
  #area;
  #prefix;

  /** @param {{prefix?: string, area?: globalThis.Storage}} [options] */
  constructor({ prefix = "vestibule/", area = globalThis.localStorage } = {}) {
    this.#area = area;
    this.#prefix = prefix;
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
