/**
 * One person's part of `localStorage`, which reports the name of each change, never the value.
 */
import { LocalStorage } from "vestibule-client";

export class WatchedStorage extends LocalStorage {
  #prefix;
  #onChange;

  /**
   * @param {string} person
   * @param {(name: string, isWritten: boolean) => void} onChange
   */
  constructor(person, onChange) {
    const prefix = `vestibule-demo/${person}/`;
    super({ prefix });
    this.#prefix = prefix;
    this.#onChange = onChange;
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  set(name, value) {
    super.set(name, value);
    this.#onChange(name, true);
  }

  /** @param {string} name */
  delete(name) {
    super.delete(name);
    this.#onChange(name, false);
  }

  /** @returns {string[]} the stored names */
  names() {
    const all = Object.keys(localStorage).filter((name) => name.startsWith(this.#prefix));
    return all.map((name) => name.slice(this.#prefix.length)).sort();
  }
}
