/** One process at a time may use a file, and a killed process does not block others. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, test } from "vitest";
import { FileStorage } from "../src/file-storage.js";
import { startOf } from "../src/process-start.js";
import { until } from "./support.js";

const CLAIMANT = fileURLToPath(new URL("claimant.mjs", import.meta.url));

const folder = await mkdtemp(join(tmpdir(), "vestibule-claim-"));
afterAll(() => rm(folder, { recursive: true }));

let path;
let lock;
let children;
beforeEach(() => {
  path = join(folder, `${Math.random()}.json`);
  lock = `${path}.lock`;
  children = [];
});
afterEach(() => Promise.all(children.map((child) => child.kill())));

/** Another process that claims the file. */
class Claimant {
  #child;
  #lines;
  #ended;

  constructor(wait = "") {
    this.#child = spawn(process.execPath, [CLAIMANT, path, wait], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.pid = this.#child.pid;
    children.push(this);
  }

  async says() {
    return (await this.#lines.next()).value;
  }

  async does(what) {
    this.#child.stdin.write(`${what}\n`);
    return this.says();
  }

  kill() {
    this.#child.kill("SIGKILL");
    return this.#ended;
  }
}

const claim = (options) => new FileStorage(path).claim(options);
const inUse = { reason: "in_use", detail: "another process has it open" };

test("a second process is refused", async () => {
  const other = new Claimant();
  assert.equal(await other.says(), "claimed");
  await assert.rejects(claim(), inUse);
  assert.equal(await new Claimant().says(), "in_use");
  const { pid, started } = JSON.parse(await readFile(lock, "utf8"));
  assert.deepEqual([pid, started], [other.pid, await startOf(other.pid)]);
  assert.equal(await other.does("release"), "done");
  await (await claim())();
  assert.deepEqual(await readdir(folder), []);
});

test("a killed process does not block others", async () => {
  const other = new Claimant();
  assert.equal(await other.says(), "claimed");
  const waiting = new Claimant("wait");
  const printed = waiting.says();
  await other.kill();
  assert.equal(await printed, "claimed");
  await waiting.kill();
  await (await claim())();
});

test("only one process takes over a stale lock", async () => {
  const other = new Claimant();
  assert.equal(await other.says(), "claimed");
  await other.kill();
  const printed = await Promise.all(Array.from({ length: 6 }, () => new Claimant().says()));
  assert.deepEqual(printed.toSorted(), ["claimed", ...Array(5).fill("in_use")]);
});

test("a reused process number does not count as the holder", async () => {
  const dead = { pid: process.pid, started: "long ago", token: "any" };
  await writeFile(lock, JSON.stringify(dead));
  await (await claim())();
  await writeFile(lock, JSON.stringify({ ...dead, started: await startOf(process.pid) }));
  await assert.rejects(claim(), inUse);
  await rm(lock);
});

test("an empty lock file counts as held for two seconds", async () => {
  await writeFile(lock, "");
  await assert.rejects(claim(), inUse);
  const before = new Date(Date.now() - 10_000);
  await utimes(lock, before, before);
  await (await claim())();
});

test("a process that lost its lock cannot write", async () => {
  const other = new Claimant();
  assert.equal(await other.says(), "claimed");
  assert.equal(await other.does("write"), "done");
  await rm(lock);
  const storage = new FileStorage(path);
  const release = await storage.claim();
  assert.equal(await storage.get("by"), String(other.pid));
  assert.equal(await other.does("write"), "in_use");
  assert.equal(await other.does("release"), "done");
  await assert.rejects(claim(), { reason: "in_use", detail: "another connection of this process has it open" });
  await storage.set("by", "me");
  await release();
});

test("claiming a file reads it again", async () => {
  const storage = new FileStorage(path);
  assert.equal(await storage.get("by"), null);
  const other = new Claimant();
  await other.says();
  await other.does("write");
  await other.does("release");
  const release = await storage.claim();
  assert.equal(await storage.get("by"), String(other.pid));
  await storage.set("by", "me");
  await release();
});

test("a process can stop waiting for a file", async () => {
  const release = await claim();
  const end = new AbortController();
  const other = new Claimant("wait");
  const waiting = claim({ wait: true, signal: end.signal });
  end.abort(new Error("enough"));
  await assert.rejects(waiting, { message: "enough" });
  await release();
  assert.equal(await other.says(), "claimed");
});

test("a file that cannot be locked is an error", async () => {
  const storage = new FileStorage(join(folder, "missing", "any.json"));
  await assert.rejects(storage.claim(), { name: "VestibuleError", reason: "bad_storage", detail: /^cannot lock .*: ENOENT$/ });
});

test("a zombie process counts as gone", async () => {
  // Its parent never waits for it.
  const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [pid] = await new Promise((resolve) => createInterface(parent.stdout).once("line", (line) => resolve([+line])));
    await until(async () => (await startOf(pid)) === null);
  } finally {
    parent.kill("SIGKILL");
  }
});
