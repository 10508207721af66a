/**
 * The product's server with channels by configuration: nothing but a file of settings.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServerProcess, freePort } from "../../js/process.mjs";

const BINARY =
  process.env.VESTIBULE_BIN ?? fileURLToPath(new URL("../../../target/debug/vestibule", import.meta.url));

/** A server that runs until {@link Configured#end}. */
export class Configured {
  #process;
  #folder;

  /** Use {@link Configured.begin}. */
  constructor(port, settings) {
    this.#folder = mkdtempSync(join(tmpdir(), "configured-"));
    const file = join(this.#folder, "vestibule.toml");
    writeFileSync(file, settings);
    /** @type {string} the URL for clients that append the transport's name */
    this.socketUrl = `ws://127.0.0.1:${port}/socket`;
    const listen = `127.0.0.1:${port}`;
    const args = ["--config", file, "--listen", listen, "--data", join(this.#folder, "data")];
    this.#process = new ServerProcess({ binary: BINARY, args }, `vestibule listens on http://${listen}`);
  }

  /**
   * @param {string} settings the file
   * @returns {Promise<Configured>} when it listens
   */
  static async begin(settings) {
    const server = new Configured(await freePort(), settings);
    await server.#process.start();
    return server;
  }

  /** @returns {Promise<void>} */
  async end() {
    await this.#process.stop("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}
