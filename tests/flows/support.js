/**
 * The server under test, with its own folder.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServerProcess, freePort } from "../js/process.mjs";

export { until, within } from "../js/waiting.mjs";

const BINARY = process.env.VESTIBULE_BIN ?? fileURLToPath(new URL("../../target/debug/vestibule", import.meta.url));

/** A server and its folder; {@link Server#end} removes both. */
export class Server {
  #process;

  /** Use {@link Server.begin}. */
  constructor(folder, port, more, env) {
    /** @type {string} the test's folder, which contains the server's */
    this.folder = folder;
    const scheme = more.includes("--tls-cert") ? "https" : "http";
    /** @type {string} the URL for clients */
    this.url = `${scheme}://127.0.0.1:${port}`;
    const args = ["--listen", `127.0.0.1:${port}`, "--data", join(folder, "server"), ...more];
    this.#process = new ServerProcess({ binary: BINARY, args, env }, `vestibule listens on ${this.url}`);
  }

  /**
   * @param {(folder: string) => string[] | Promise<string[]>} [options] returns further options;
   *   gets the test's folder
   * @param {Record<string, string>} [env] further environment variables of the server
   * @returns {Promise<Server>} when it listens
   */
  static async begin(options = () => [], env = {}) {
    const folder = await mkdtemp(join(tmpdir(), "vestibule-flows-"));
    const server = new this(folder, await freePort(), await options(folder), env);
    try {
      await server.start();
    } catch (error) {
      await server.end();
      throw error;
    }
    return server;
  }

  /** @returns {Promise<void>} when it listens, with the same port and folder as before */
  start() {
    return this.#process.start();
  }

  /** @returns {Promise<void>} when the process is gone, killed without warning */
  kill() {
    return this.#process.stop("SIGKILL");
  }

  /** @returns {Promise<void>} when the process is gone, after it has disconnected all clients */
  stop() {
    return this.#process.stop("SIGTERM");
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
