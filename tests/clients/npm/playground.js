/**
 * The server under test: the playground on a port of its own, stopped with or without warning, started again.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { until, within } from "./waiting.js";

const BINARY =
  process.env.PLAYGROUND_BIN ??
  fileURLToPath(new URL("../../../target/debug/examples/playground", import.meta.url));

/** Whatever is still running when a test process ends would outlive it. */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

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

/** One server, gone after {@link Playground#end}. */
export class Playground {
  #child = null;

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
  }

  /** @returns {Promise<Playground>} when it listens */
  static async begin() {
    const playground = new Playground(await freePort());
    await playground.start();
    return playground;
  }

  /** @returns {Promise<void>} when it listens, on the same port as before */
  async start() {
    const child = spawn(BINARY, { env: { ...process.env, PORT: String(this.port) } });
    this.#child = child;
    running.add(child);
    let out = "";
    let log = "";
    let failure = null;
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => (log += chunk));
    child.once("error", (error) => (failure = error.message));
    child.once("exit", (code, signal) => {
      running.delete(child);
      failure ??= `it ended with ${signal ?? code}`;
    });
    await until("the playground listens", () => {
      if (failure) throw new Error(`the playground did not start: ${failure}\n${log}`);
      return out.includes(`playground listens on ${this.url}`);
    });
  }

  /**
   * @param {"SIGKILL" | "SIGTERM"} signal without warning, or with time to send everybody away
   * @returns {Promise<void>} when the process is gone
   */
  async stop(signal) {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await within(`the playground is gone after ${signal}`, gone);
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
