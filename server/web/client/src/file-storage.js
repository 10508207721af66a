/**
 * A storage for Node: one JSON file that only its owner may read.
 */
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { VestibuleError } from "./errors.js";

/** @typedef {import("./storage.js").Storage} Storage */

/**
 * Every change writes the whole file anew beside the old one and renames it into place, so that a crash leaves the
 * old or the new one and never half of one. One process at a time; it can't be claimed, since Node has no lock that is
 * sure to go with a killed process.
 *
 * @implements {Storage}
 */
export class FileStorage {
  #path;
  /** What the file holds; null before it is read. @type {Map<string, string> | null} */
  #values = null;
  /** Settles with the last of the accesses, which take turns. */
  #turn = Promise.resolve();

  /** @param {string} path the file, made at the first change; its folder must be there */
  constructor(path) {
    this.#path = path;
  }

  /**
   * @param {string} name
   * @returns {Promise<string | null>}
   */
  get(name) {
    return this.#next((values) => values.get(name) ?? null);
  }

  /**
   * @param {string} name
   * @param {string} value
   * @returns {Promise<void>} resolves when the value is on the disk
   */
  set(name, value) {
    return this.#change((values) => values.set(name, value));
  }

  /**
   * @param {string} name
   * @returns {Promise<void>}
   */
  delete(name) {
    return this.#change((values) => values.delete(name));
  }

  /** @param {(values: Map<string, string>) => unknown} change */
  #change(change) {
    return this.#next(async (values) => {
      const changed = new Map(values);
      change(changed);
      await replaceFile(this.#path, JSON.stringify(Object.fromEntries(changed), null, 2));
      // Only now: a failed write leaves here what is on the disk.
      this.#values = changed;
    });
  }

  /**
   * @template T
   * @param {(values: Map<string, string>) => T | Promise<T>} access
   * @returns {Promise<T>}
   */
  #next(access) {
    const done = this.#turn.then(async () => {
      this.#values ??= await readValues(this.#path);
      return access(this.#values);
    });
    this.#turn = done.then(() => {}, () => {});
    return done;
  }
}

/**
 * @param {string} path
 * @returns {Promise<Map<string, string>>}
 */
async function readValues(path) {
  try {
    return new Map(Object.entries(JSON.parse(await readFile(path, "utf8"))));
  } catch (error) {
    if (error.code === "ENOENT") return new Map();
    // Going on with an empty storage would lose every key in the damaged file. The cause stays out: it quotes the file.
    throw new VestibuleError("bad_storage", error.code ?? "the file is no JSON object");
  }
}

/**
 * @param {string} path
 * @param {string} text
 */
async function replaceFile(path, text) {
  const draft = `${path}.tmp`;
  // A draft left by a crash may have other permissions; `mode` counts for a new file only.
  await rm(draft, { force: true });
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  // The rename itself lasts only once the folder is on the disk.
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
