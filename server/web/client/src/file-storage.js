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

/** This process's locks, by the files that they are of. @type {Map<string, {lock: FileLock, claims: ClaimQueue}>} */
const locks = new Map();

/**
 * Every change writes the whole file anew beside the old one and renames it into place, so that a crash leaves the
 * old or the new one and never half of one.
 *
 * One process at a time: `Vestibule.connect` claims it with a lock beside it (`.lock`), which a killed process does not
 * hold any more. Where a file is written without a claim, or by a machine that does not see this one's processes, a
 * write finds out that somebody else has replaced the file, and rejects with `in_use` rather than undo that.
 *
 * @implements {Storage}
 */
export class FileStorage {
  #path;
  #othersMayRead;
  /** What the file holds; null before it is read. @type {Map<string, string> | null} */
  #values = null;
  /** Which file that was. */
  #version = "";
  #steps = new Sequence();

  /**
   * @param {string} path the file, made at the first change, or a link to it; its folder must be there
   * @param {object} [options]
   * @param {boolean} [options.othersMayRead] takes a file that others than its owner may read, as Docker and Kubernetes
   *   mount them; without, such a file is refused
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
   * @reclaims {Promise<import("./storage.js").Release>}
   */
  async claim(options) {
    const release = await lockOf(this.#path).claims.claim(options);
    // The last holder may have written since this was read.
    this.#values = null;
    return release;
  }

  /** @reclaims {Promise<string[]>} */
  names() {
    return this.#next((values) => [...values.keys()]);
  }

  /**
   * @param {string} name
   * @reclaims {Promise<string | null>}
   */
  get(name) {
    return this.#next((values) => values.get(name) ?? null);
  }

  /**
   * @param {string} name
   * @param {string} value
   * @reclaims {Promise<void>} resolves when the value is on the disk
   */
  set(name, value) {
    return this.#change((values) => values.set(name, value));
  }

  /**
   * @param {string} name
   * @reclaims {Promise<void>}
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
      // Only now: a failed write leaves here what is on the disk.
      this.#values = changed;
      this.#version = version;
    });
  }

  /** What another process has written meanwhile must not be undone. */
  async #mustBeMine() {
    await lockOf(this.#path).lock.check();
    if ((await versionAt(this.#path)) === this.#version) return;
    throw new VestibuleError("in_use", `another process has replaced ${this.#path}: only one may use it`);
  }

  /**
   * @template T
   * @param {(values: Map<string, string>) => T | Promise<T>} access
   * @reclaims {Promise<T>}
   */
  #next(access) {
    return this.#steps.run(async () => {
      try {
        return await access((this.#values ??= await this.#read()));
      } catch (cause) {
        if (cause instanceof VestibuleError) throw cause;
        const { code } = cause;
        throw new VestibuleError("bad_storage", `${this.#path} cannot be used: ${code ?? "unknown"}`, { cause, code });
      }
    });
  }

  /** @reclaims {Promise<Map<string, string>>} */
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
 * Follows links: a rename would put a file in the place of the link and leave the one that it names as it was, and who
 * comes by another name would find another lock.
 *
 * @param {string} path
 * @reclaims {string} where the file is, or is to be
 */
function fileAt(path) {
  try {
    return realpathSync(path);
  } catch (error) {
    // What cannot be followed, such as links in a circle, is told at the first access.
    const target = error.code === "ENOENT" ? linkAt(path) : null;
    return target === null ? path : fileAt(resolve(dirname(path), target));
  }
}

/** @param {string} path @reclaims {string | null} what the link names; null where there is none */
function linkAt(path) {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/**
 * @param {string} path
 * @reclaims {{lock: FileLock, claims: ClaimQueue}} this process's
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
      throw new VestibuleError("bad_storage", `${path} cannot be claimed: ${cause.code}`, { cause, code: cause.code });
    }
  };
  const sentences = ["another process has it open", "another connection of this process has it open"];
  const made = { lock, claims: new ClaimQueue(take, sentences[0], sentences[1]) };
  locks.set(path, made);
  return made;
}

/** The version of a file that is not there. */
const NONE = "none";

/**
 * @param {import("node:fs").BigIntStats} stats
 * @reclaims {string} another one for each file that was ever renamed into place
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
  // Windows says nothing there.
  if (process.platform === "win32" || (mode & 0o077) === 0) return;
  const shown = (mode & 0o777).toString(8);
  const detail = `others than its owner may use ${path} (mode ${shown}), and keys are in it: run \`chmod 600 ${path}\``;
  throw new VestibuleError("bad_storage", `${detail}, or allow that with the option \`othersMayRead\``);
}

/**
 * @param {string} path
 * @param {string} text
 * @reclaims {Map<string, string>}
 */
function valuesOf(path, text) {
  // Going on with an empty storage would lose every key in the damaged file. The cause stays out: it quotes the file.
  const values = jsonOf(text);
  const isObject = typeof values === "object" && values !== null && !Array.isArray(values);
  if (!isObject) throw new VestibuleError("bad_storage", `${path} is no JSON object`);
  return new Map(Object.entries(values));
}

/** @param {string} text @reclaims {unknown} undefined where it is no JSON */
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
 * @reclaims {Promise<string>} the new file's version
 */
async function replaceFile(path, text) {
  const draft = `${path}.tmp`;
  // A draft left by a crash may have other permissions; `mode` counts for a new file only.
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
  // The rename itself lasts only once the folder is on the disk.
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return versionOf(stats);
}
