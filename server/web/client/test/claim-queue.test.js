/**
 * The claims of one page: a component that mounts, unmounts and mounts again does not lock itself
 * out.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "vitest";
import WebSocket from "ws";
import { Vestibule } from "../src/client.js";
import { LocalStorage } from "../src/storage.js";
import { FakeLocks } from "./fake-locks.js";
import { FakeServer } from "./fake-server.js";
import { until } from "./support.js";

let browser;
let page;
let otherTab;
let thirdTab;
beforeEach(() => {
  browser = new FakeLocks();
  const area = new Map();
  const asArea = { getItem: (name) => area.get(name) ?? null, setItem: (...entry) => area.set(...entry) };
  const tab = () => {
    const locks = browser.tab();
    return () => new LocalStorage({ area: asArea, locks });
  };
  [page, otherTab, thirdTab] = [tab(), tab(), tab()];
});

const given = { name: "Error", message: "unmounted" };
const giveUp = (end) => end.abort(new Error("unmounted"));

test("an aborted claim makes room at once", async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const early = page().claim({ signal: first.signal });
  giveUp(first);
  const next = page().claim({ signal: second.signal });
  await assert.rejects(early, given);
  const release = await next;

  // From now on an abort announces the release.
  giveUp(second);
  const last = page().claim();
  assert.equal(await Promise.race([last, "waits"].map((it) => Promise.resolve(it))), "waits");
  await release();
  await (await last)();
  assert.deepEqual(browser.names, []);
});

test("a page passes its lock on before a waiting tab gets it", async () => {
  const release = await page().claim();
  const elsewhere = otherTab().claim({ wait: true });
  release();
  const next = await page().claim();
  await assert.rejects(thirdTab().claim(), { reason: "in_use", detail: "another tab has it open" });
  await next();
  await (await elsewhere)();
  assert.deepEqual(browser.names, []);
});

test("a second connection of a page is refused", async () => {
  const release = await page().claim();
  await assert.rejects(page().claim(), { reason: "in_use", detail: "another connection of this page has it open" });
  const waits = page().claim({ wait: true });
  await release();
  await (await waits)();
  assert.deepEqual(browser.names, []);
});

test("a page stops waiting with its last claim", async () => {
  const release = await otherTab().claim();
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = [first, second].map(({ signal }) => page().claim({ wait: true, signal }));
  await assert.rejects(page().claim(), { reason: "in_use" });
  giveUp(first);
  await assert.rejects(waiting[0], given);
  giveUp(second);
  await assert.rejects(waiting[1], given);
  await assert.rejects(page().claim(), { reason: "in_use", detail: "another tab has it open" });
  await release();
  await (await otherTab().claim())();
  assert.deepEqual(browser.names, []);
});

test("only one of two following claims is granted", async () => {
  const end = new AbortController();
  const release = await page().claim({ signal: end.signal });
  giveUp(end);
  const [next, late] = [page().claim(), page().claim()];
  await assert.rejects(late, { reason: "in_use" });
  await release();
  await (await next)();
});

test("a failing lock is reported and tried again", async () => {
  const locks = { request: () => Promise.reject(new DOMException("not in this frame", "SecurityError")) };
  const storage = new LocalStorage({ area: {}, locks });
  await assert.rejects(storage.claim(), { name: "SecurityError" });
  locks.request = browser.tab().request;
  await (await storage.claim())();
});

let server;
afterEach(() => server?.end());

test("a page that mounts twice is connected", async () => {
  server = await FakeServer.begin();
  const connect = (options) => Vestibule.connect(server.url, { storage: page(), transport: WebSocket, ...options });
  let upgrades = 0;
  for (const when of ["before the claim", "while it signs in", "while the socket opens"]) {
    const end = new AbortController();
    server.opens = when !== "while the socket opens";
    const first = connect({ signal: end.signal });
    if (when !== "before the claim") await until(() => browser.names.length === 1);
    if (!server.opens) await until(() => server.upgrades > upgrades);
    upgrades = server.upgrades;
    giveUp(end);
    server.opens = true;
    const second = connect();
    await assert.rejects(first, given, when);
    await (await second).disconnect();
  }
  const client = await connect();
  client.disconnect();
  // The storage is free before the rooms and the socket are left.
  await (await connect()).disconnect();
  assert.deepEqual(browser.names, []);
});

test("a disconnected client writes nothing", async () => {
  server = await FakeServer.begin();
  const storage = page();
  const client = await Vestibule.connect(server.url, { storage, transport: WebSocket });
  const making = client.createRoom({ policy: "request" });
  const ending = client.disconnect();
  storage.set = () => assert.fail("written");
  await assert.rejects(making, { reason: "disconnected" });
  await ending;
  await assert.rejects(client.openRoom("A".repeat(43)), { reason: "disconnected" });
  await assert.rejects(client.createRoom({ policy: "request" }), { reason: "disconnected" });
  await assert.rejects(client.directory(), { reason: "disconnected" });
});
