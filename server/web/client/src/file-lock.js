/**
 * A lock of a file, for processes of one machine: a second file, which names the process that has it.
 *
 * Node has no lock that the system takes back from a killed process. So a process that finds the lock looks whether the
 * one that it names is still there: by its number and by when it started, since numbers come again. Processes of another
 * machine or container are not seen, and count as gone: {@link FileLock#check} tells them before they write.
 */
import { open, readFile, rm, stat } from "node:fs/promises";
import { randomId } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { sleep } from "./backoff.js";
import { startOf } from "./process-start.js";

/** How often a process that waits looks again. */
const POLL_MS = 100;

/** A file without content is being worked with, or its process was killed meanwhile: so long it is believed. */
const UNNAMED_MS = 2000;

/** How soon to look again at what takes a moment. */
const BUSY_POLL_MS = 10;

/** Where nothing can be written there is nothing to lock. */
const READ_ONLY = new Set(["EROFS", "EACCES", "EPERM"]);

/** One process's lock of one file. */
export class FileLock {
  #path;
  /** What the lock says where it is this process's; null where it is not. @type {string | null} */
  #mine = null;

  /** @param {string} path of the lock */
  constructor(path) {
    this.#path = path;
  }

  /**
   * @param {{wait: boolean, signal: AbortSignal}} options
   * @returns {Promise<import("./storage.js").Release | null>} null where it is another process's
   */
  async take({ wait, signal }) {
    while (!(await this.#try())) {
      if (!wait) return null;
      await sleep(POLL_MS, signal);
    }
    return () => this.#free();
  }

  /** @returns {Promise<void>} rejects with `in_use` where the lock was taken, and somebody has taken it away */
  async check() {
    if (this.#mine === null || (await textOf(this.#path)) === this.#mine) return;
    throw new VestibuleError("in_use", "another process has taken the storage over");
  }

  /** @returns {Promise<boolean>} whether there is nothing in the way any more */
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

  /** Takes a dead process's lock away: one process at a time, or the second would take the first one's new lock. */
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

/** @returns {Promise<string | null>} null where there is none */
async function textOf(path) {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

/** Whether the process that the lock names is there. */
async function isHeld(path, text) {
  const { pid, started } = holderOf(text);
  if (Number.isSafeInteger(pid) && pid > 0) {
    const start = await startOf(pid);
    return start !== null && (start === "" || !started || start === started);
  }
  return isFresh(path);
}

/** Whether somebody may be at work with it. */
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
