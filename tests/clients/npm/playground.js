/**
 * The server under test: the playground on its own port, which can be stopped and restarted.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ServerProcess, freePort } from "../../js/process.mjs";

const BINARY =
  process.env.PLAYGROUND_BIN ??
  fileURLToPath(new URL("../../../target/debug/examples/playground", import.meta.url));

/** A playground that runs until {@link Playground#end}. */
export class Playground {
  #process;

  /** Use {@link Playground.begin}. */
  constructor(port) {
    /** @type {number} unchanged by restarts */
    this.port = port;
    /** @type {string} */
    this.url = `http://127.0.0.1:${port}`;
    /** @type {string} the URL for clients that append the transport's name */
    this.socketUrl = `ws://127.0.0.1:${port}/socket`;
    /**
     * @type {string} the URL for clients with a token; as in Phoenix, the plain `/socket` accepts
     *   none
     */
    this.authSocketUrl = `ws://127.0.0.1:${port}/authsocket`;
    const command = { binary: BINARY, env: { PORT: String(port) } };
    this.#process = new ServerProcess(command, `playground listens on ${this.url}`);
  }

  /** @returns {Promise<Playground>} when it listens */
  static async begin() {
    const playground = new Playground(await freePort());
    await playground.start();
    return playground;
  }

  /** @returns {Promise<void>} when it listens, on the same port as before */
  start() {
    return this.#process.start();
  }

  /**
   * @param {"SIGKILL" | "SIGTERM"} signal SIGKILL: without warning; SIGTERM: with time to
   *   disconnect clients
   * @returns {Promise<void>} when the process is gone
   */
  stop(signal) {
    return this.#process.stop(signal);
  }

  /**
   * Broadcasts an event from outside the server.
   *
   * @param {string} topic
   * @param {string} event
   * @param {object | Uint8Array} payload bytes are broadcast as a binary payload
   */
  async broadcast(topic, event, payload) {
    const query = new URLSearchParams({ topic, event });
    const binary = payload instanceof Uint8Array;
    if (binary) query.set("binary", "1");
    const body = binary ? payload : JSON.stringify(payload);
    const response = await fetch(`${this.url}/admin/broadcast?${query}`, { method: "POST", body });
    assert.equal(response.status, 200);
  }

  /** @returns {Promise<void>} */
  async end() {
    await this.stop("SIGKILL");
  }
}
