/**
 * The server under test: the playground on a port of its own, stopped with or without warning, started again.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ServerProcess, freePort } from "../../js/process.mjs";

const BINARY =
  process.env.PLAYGROUND_BIN ??
  fileURLToPath(new URL("../../../target/debug/examples/playground", import.meta.url));

/** One server, gone after {@link Playground#end}. */
export class Playground {
  #process;

  /** Use {@link Playground.begin}. */
  constructor(port) {
    /** @type {number} the same after each start */
    this.port = port;
    /** @type {string} */
    this.url = `http://127.0.0.1:${port}`;
    /** @type {string} what a client that adds the transport's name is given */
    this.socketUrl = `ws://127.0.0.1:${port}/socket`;
    /** @type {string} the same for who has a token to show; like a Phoenix endpoint, `/socket` takes none */
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
   * @param {"SIGKILL" | "SIGTERM"} signal without warning, or with time to send everybody away
   * @returns {Promise<void>} when the process is gone
   */
  stop(signal) {
    return this.#process.stop(signal);
  }

  /**
   * A broadcast that no client sends.
   *
   * @param {string} topic
   * @param {string} event
   * @param {object | Uint8Array} payload bytes are broadcast as bytes
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
