/**
 * Locks a file for one process of this machine, by means of a second file that names the process.
 *
 * Node has no lock that the system releases when a process is killed. A process that finds the lock
 * therefore checks whether the named process still exists, by its number and its start time, since
 * numbers are reused. Processes of another machine or container are invisible and count as gone;
 * {@link FileLock#check} tells them before they write.
 */
import { open, readFile, rm, stat } from "node:fs/promises";
import { randomId } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { sleep } from "./backoff.js";
import { startOf } from "./process-start.js";

/** How often a waiting process checks again. */
const POLL_MS = 100;

/** How long an empty lock file counts as held: its process is still writing, or was killed. */
const UNNAMED_MS = 2000;

/** How soon to check again while another process removes a stale lock. */
const BUSY_POLL_MS = 10;

/** Errors of a folder that cannot be written to, where no lock is needed. */
const READ_ONLY = new Set(["EROFS", "EACCES", "EPERM"]);

/** This process's lock of one file. */
export class FileLock {
  #path;
  /** The content of the lock file if this process holds it, else null. @type {string | null} */
  #mine = null;

  /** @param {string} path of the lock file */
  constructor(path) {
    this.#path = path;
  }

  /**
   * @param {{wait: boolean, signal: AbortSignal}} options
   * @returns {Promise<import("./storage.js").Release | null>} null if another process holds it
   */
  async take({ wait, signal }) {
    while (!(await this.#try())) {
      if (!wait) return null;
      await sleep(POLL_MS, signal);
    }
    return () => this.#free();
  }

  /** @returns {Promise<void>} rejects with `in_use` if this process has lost the lock it took */
  async check() {
    if (this.#mine === null || (await textOf(this.#path)) === this.#mine) return;
    throw new VestibuleError("in_use", "another process has taken over the storage");
  }

  /** @returns {Promise<boolean>} whether the file may be used now */
  async #try() {
    const started = (await startOf(process.pid)) ?? "";
    const mine = JSON.stringify({ pid: process.pid, started, token: randomId() });
    for (;;) {
      try {
        await create(this.#path, mine);
        this.#mine = mine;
        return true;
      } catch (error) {
        if (READ_ONLY.has(error.code)) return true;
        if (error.code !== "EEXIST") throw error;
      }
      const there = await textOf(this.#path);
      if (there !== null && (await isHeld(this.#path, there))) return false;
      if (there !== null) await this.#removeStale(there);
    }
  }

  /**
   * Removes a dead process's lock. One process at a time may do so, or the second would remove the
   * first one's new lock.
   */
  async #removeStale(dead) {
    const removal = `${this.#path}.taken`;
    try {
      await create(removal, "");
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (await isFresh(removal)) return sleep(BUSY_POLL_MS);
      return rm(removal, { force: true });
    }
    try {
      if ((await textOf(this.#path)) === dead) await rm(this.#path, { force: true });
    } finally {
      await rm(removal, { force: true });
    }
  }

  async #free() {
    const mine = this.#mine;
    this.#mine = null;
    if (mine !== null && (await textOf(this.#path)) === mine) await rm(this.#path, { force: true });
  }
}

async function create(path, text) {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

/** @returns {Promise<string | null>} null if there is no such file */
async function textOf(path) {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

/** Whether the process named in the lock file exists. */
async function isHeld(path, text) {
  const { pid, started } = holderOf(text);
  if (Number.isSafeInteger(pid) && pid > 0) {
    const start = await startOf(pid);
    return start !== null && (start === "" || !started || start === started);
  }
  return isFresh(path);
}

/** Whether a process may still be writing the file. */
async function isFresh(path) {
  const made = await stat(path).catch(() => null);
  return made !== null && Date.now() - made.mtimeMs < UNNAMED_MS;
}

function holderOf(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
