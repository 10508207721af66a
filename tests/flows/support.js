/**
 * The server under test: started on a free port with a folder of its own, killed without warning, started again.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BINARY = process.env.VESTIBULE_BIN ?? fileURLToPath(new URL("../../target/debug/vestibule", import.meta.url));

/** Nothing in these tests takes this long unless it is broken. */
const PATIENCE_MS = 10_000;

/** Whatever is still running when a test process ends would outlive it. */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Waits for a condition, and says what it waited for when that does not come.
 *
 * @template T
 * @param {string} what
 * @param {() => T | Promise<T>} condition
 * @returns {Promise<T>} the first truthy value
 */
export async function until(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * @template T
 * @param {string} what
 * @param {Promise<T>} promise
 * @returns {Promise<T>} the same, but rejected after a while
 */
export function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** One server with its folder; both are gone after {@link Server#end}. */
export class Server {
  #child = null;
  #port;
  #log = "";

  constructor(folder, port) {
    /** @type {string} a folder for the test; the server's own is in it */
    this.folder = folder;
    this.#port = port;
    /** @type {string} */
    this.url = `http://127.0.0.1:${port}`;
  }

  /** @returns {Promise<Server>} when it listens */
  static async begin() {
    const server = new Server(await mkdtemp(join(tmpdir(), "vestibule-flows-")), await freePort());
    try {
      await server.start();
    } catch (error) {
      await server.end();
      throw error;
    }
    return server;
  }

  /** @returns {Promise<void>} when it listens, on the same port and with the same folder as before */
  async start() {
    const child = spawn(BINARY, ["--listen", `127.0.0.1:${this.#port}`, "--data", join(this.folder, "server")]);
    this.#child = child;
    running.add(child);
    let out = "";
    let failure = null;
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => (this.#log += chunk));
    child.once("error", (error) => (failure = error.message));
    child.once("exit", (code, signal) => {
      running.delete(child);
      failure ??= `it ended with ${signal ?? code}`;
    });
    await until("the server listens", () => {
      if (failure) throw new Error(`the server did not start: ${failure}\n${this.#log}`);
      return out.includes(`vestibule listens on ${this.url}`);
    });
  }

  /** @returns {Promise<void>} when the process is gone, killed without a chance to tidy up */
  async kill() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await within("the server is gone", gone);
  }

  /** @returns {Promise<void>} */
  async restart() {
    await this.kill();
    await this.start();
  }

  /** @returns {Promise<void>} */
  async end() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
