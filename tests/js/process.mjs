/**
 * A server as a child process: started on a port of its own, stopped with or without warning, started again.
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { until, within } from "./waiting.mjs";

/** Whatever is still running when a test process ends would outlive it. */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Where the system begins with the ports that it hands out by itself (Linux's `ip_local_port_range`). */
const [HANDED_OUT] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s+/).map(Number);

/**
 * A port that nobody listens on, and that stays free until somebody asks for that very one: of those that the system hands
 * out to connections and to listeners of port 0, any may be gone a moment later.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(Math.min(20_000, Math.floor(HANDED_OUT / 2)), HANDED_OUT);
    if (await isFree(port)) return port;
  }
}

/** @returns {Promise<boolean>} whether nobody listens on it */
function isFree(port) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** A program that says on its standard output where it listens. */
export class ServerProcess {
  #command;
  #announcement;
  #child = null;
  #log = "";

  /**
   * @param {object} command
   * @param {string} command.binary
   * @param {string[]} [command.args]
   * @param {Record<string, string>} [command.env] beside the test's own
   * @param {string} announcement what it says once it listens
   */
  constructor(command, announcement) {
    this.#command = command;
    this.#announcement = announcement;
  }

  /** @returns {Promise<void>} when it listens */
  async start() {
    const { binary, args = [], env = {} } = this.#command;
    const child = spawn(binary, args, { env: { ...process.env, ...env } });
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
    await until(`"${this.#announcement}"`, () => {
      if (failure) throw new Error(`${binary} did not start: ${failure}\n${this.#log}`);
      return out.includes(this.#announcement);
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
    await within(`the process is gone after ${signal}`, gone);
  }
}
