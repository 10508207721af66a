/**
 * A storage for Node: one JSON file that only its owner may read.
 */
import { readlinkSync, realpathSync } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { must, mustBeFlag, mustBeOptions } from "./arguments.js";
import { VestibuleError } from "./errors.js";
import { FileLock } from "./file-lock.js";
import { Sequence } from "./sequence.js";
import { ClaimQueue } from "./claim-queue.js";

/** @typedef {import("./storage.js").Storage} Storage */

/**
 * This process's locks, by the paths of the locked files.
 *
 * @type {Map<string, {lock: FileLock, claims: ClaimQueue}>}
 */
const locks = new Map();

/**
 * Every change writes a new file beside the old one and renames it into place, so that a crash
 * leaves the old or the new content, never a part.
 *
 * One process at a time may use the file: `Vestibule.connect` claims it with a lock file (`.lock`),
 * which a killed process no longer holds. If the file is written without a claim, or from a machine
 * that does not see this one's processes, the next write notices the replaced file and rejects with
 * `in_use` instead of undoing that change.
 *
 * @implements {Storage}
 */
export class FileStorage {
  #path;
  #othersMayRead;
  /** The file's content; null until it is read. @type {Map<string, string> | null} */
  #values = null;
  /** The version of the file that was read. */
  #version = "";
  #steps = new Sequence();

  /**
   * @param {string} path the file, which the first change creates, or a link to it; its folder must
   *   exist
   * @param {object} [options]
   * @param {boolean} [options.othersMayRead] accept a file that other users may read, as Docker and
   *   Kubernetes mount them; by default it is refused
   */
  constructor(path, options = {}) {
    must(typeof path === "string" && path !== "", "path", "the path of a file");
    mustBeOptions("options", options);
    mustBeFlag("othersMayRead", options.othersMayRead);
    this.#path = fileAt(resolve(path));
    this.#othersMayRead = options.othersMayRead ?? false;
  }

  /**
   * @param {import("./storage.js").ClaimOptions} [options]
   * @returns {Promise<import("./storage.js").Release>}
   */
  async claim(options) {
    const release = await lockOf(this.#path).claims.claim(options);
    // The previous holder may have written since.
    this.#values = null;
    return release;
  }

  /** @returns {Promise<string[]>} */
  names() {
    return this.#next((values) => [...values.keys()]);
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
      await this.#mustBeMine();
      const version = await replaceFile(this.#path, JSON.stringify(Object.fromEntries(changed), null, 2));
      // Only now, so that after a failed write these values match the disk.
      this.#values = changed;
      this.#version = version;
    });
  }

  /** Another process's changes must not be undone. */
  async #mustBeMine() {
    await lockOf(this.#path).lock.check();
    if ((await versionAt(this.#path)) === this.#version) return;
    throw new VestibuleError("in_use", `another process has replaced ${this.#path}: only one process may use it`);
  }

  /**
   * @template T
   * @param {(values: Map<string, string>) => T | Promise<T>} access
   * @returns {Promise<T>}
   */
  #next(access) {
    return this.#steps.run(async () => {
      try {
        return await access((this.#values ??= await this.#read()));
      } catch (cause) {
        if (cause instanceof VestibuleError) throw cause;
        const { code } = cause;
        const detail = `cannot access ${this.#path}: ${code ?? "unknown error"}`;
        throw new VestibuleError("bad_storage", detail, { cause, code });
      }
    });
  }

  /** @returns {Promise<Map<string, string>>} */
  async #read() {
    let file;
    try {
      file = await open(this.#path, "r");
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
      this.#version = NONE;
      return new Map();
    }
    try {
      const stats = await file.stat({ bigint: true });
      if (!this.#othersMayRead) mustBePrivate(this.#path, Number(stats.mode));
      const values = valuesOf(this.#path, await file.readFile("utf8"));
      this.#version = versionOf(stats);
      return values;
    } finally {
      await file.close();
    }
  }
}

/**
 * Follows links. Otherwise a rename would replace the link and leave its target unchanged, and two
 * names of one file would have two locks.
 *
 * @param {string} path
 * @returns {string} the file's real path, whether it exists or not
 */
function fileAt(path) {
  try {
    return realpathSync(path);
  } catch (error) {
    // The first access reports what cannot be followed, such as a cycle of links.
    const target = error.code === "ENOENT" ? linkAt(path) : null;
    return target === null ? path : fileAt(resolve(dirname(path), target));
  }
}

/** @param {string} path @returns {string | null} the link's target; null if it is not a link */
function linkAt(path) {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/**
 * @param {string} path
 * @returns {{lock: FileLock, claims: ClaimQueue}} this process's lock of the file
 */
function lockOf(path) {
  const known = locks.get(path);
  if (known) return known;
  const lock = new FileLock(join(dirname(path), `${basename(path)}.lock`));
  const take = async (options) => {
    try {
      return await lock.take(options);
    } catch (cause) {
      if (!cause.code || cause instanceof VestibuleError) throw cause;
      throw new VestibuleError("bad_storage", `cannot lock ${path}: ${cause.code}`, { cause, code: cause.code });
    }
  };
  const sentences = ["another process has it open", "another connection of this process has it open"];
  const made = { lock, claims: new ClaimQueue(take, sentences[0], sentences[1]) };
  locks.set(path, made);
  return made;
}

/** The version of a missing file. */
const NONE = "none";

/**
 * @param {import("node:fs").BigIntStats} stats
 * @returns {string} differs for each file that is renamed into place
 */
function versionOf({ ino, mtimeNs, size }) {
  return `${ino} ${mtimeNs} ${size}`;
}

/** @param {string} path */
async function versionAt(path) {
  try {
    return versionOf(await stat(path, { bigint: true }));
  } catch (error) {
    if (error.code === "ENOENT") return NONE;
    throw error;
  }
}

/**
 * @param {string} path
 * @param {number} mode
 */
function mustBePrivate(path, mode) {
  // Windows has no such permissions.
  if (process.platform === "win32" || (mode & 0o077) === 0) return;
  const shown = (mode & 0o777).toString(8);
  const detail = `other users can access ${path} (mode ${shown}), which holds private keys: run \`chmod 600 ${path}\``;
  throw new VestibuleError("bad_storage", `${detail}, or set the option \`othersMayRead\``);
}

/**
 * @param {string} path
 * @param {string} text
 * @returns {Map<string, string>}
 */
function valuesOf(path, text) {
  // Continuing with an empty storage would lose every key in the damaged file. The error has no
  // cause, which would quote the file.
  const values = jsonOf(text);
  const isObject = typeof values === "object" && values !== null && !Array.isArray(values);
  if (!isObject) throw new VestibuleError("bad_storage", `${path} is not a JSON object`);
  return new Map(Object.entries(values));
}

/** @param {string} text @returns {unknown} undefined if it is not JSON */
function jsonOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {string} path
 * @param {string} text
 * @returns {Promise<string>} the new file's version
 */
async function replaceFile(path, text) {
  const draft = `${path}.tmp`;
  // A draft left by a crash may have other permissions, and `mode` applies to new files only.
  await rm(draft, { force: true });
  const file = await open(draft, "wx", 0o600);
  let stats;
  try {
    await file.writeFile(text);
    await file.sync();
    stats = await file.stat({ bigint: true });
  } finally {
    await file.close();
  }
  await rename(draft, path);
  // The rename is durable only once the folder is synced.
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return versionOf(stats);
}
