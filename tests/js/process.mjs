/**
 * Runs a server as a child process that can be stopped, with or without warning, and restarted.
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { until, within } from "./waiting.mjs";

/** Child processes to kill when the test process ends, because they would outlive it. */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * The first port of the range from which the system assigns ports (Linux's `ip_local_port_range`).
 */
const [FIRST_ASSIGNED_PORT] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s+/).map(Number);

/**
 * Finds a free port that stays free until it is explicitly used. A port from the range that the
 * system assigns to connections and to listeners on port 0 could be taken a moment later.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(Math.min(20_000, Math.floor(FIRST_ASSIGNED_PORT / 2)), FIRST_ASSIGNED_PORT);
    if (await isFree(port)) return port;
  }
}

/** @returns {Promise<boolean>} whether the port is free */
function isFree(port) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** A program that announces on its standard output that it listens. */
export class ServerProcess {
  #command;
  #announcement;
  #child = null;
  #log = "";

  /**
   * @param {object} command
   * @param {string} command.binary
   * @param {string[]} [command.args]
   * @param {Record<string, string>} [command.env] further environment variables
   * @param {string} announcement the text that it prints once it listens
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
      failure ??= `it exited with ${signal ?? code}`;
    });
    await until(`"${this.#announcement}"`, () => {
      if (failure) throw new Error(`${binary} did not start: ${failure}\n${this.#log}`);
      return out.includes(this.#announcement);
    });
  }

  /**
   * @param {"SIGKILL" | "SIGTERM"} signal SIGKILL: without warning; SIGTERM: with time to
   *   disconnect clients
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
