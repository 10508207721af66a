/** Claims of a storage, which keep two tabs from acting as one device. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "vitest";
import WebSocket from "ws";
import { Vestibule } from "../src/client.js";
import { LocalStorage, MemoryStorage } from "../src/storage.js";
import { FakeLocks } from "./fake-locks.js";
import { FakeServer } from "./fake-server.js";
import { until } from "./support.js";

/** A tab's `localStorage`; its content does not matter here. */
const tab = (locks, options) => {
  const values = new Map();
  const area = { getItem: (name) => values.get(name) ?? null, setItem: (...entry) => values.set(...entry) };
  return new LocalStorage({ area, locks, ...options });
};

let server;
let locks;
beforeEach(async () => {
  server = await FakeServer.begin();
  locks = new FakeLocks();
});
afterEach(() => server.end());

const connect = (storage, options) => Vestibule.connect(server.url, { storage, transport: WebSocket, ...options });

test("a storage belongs to one tab until it is released", async () => {
  const release = await tab(locks.tab()).claim();
  await assert.rejects(tab(locks.tab()).claim(), { name: "VestibuleError", reason: "in_use" });
  const other = await tab(locks.tab(), { prefix: "bob/" }).claim();
  await release();
  await release();
  assert.equal(locks.names.length, 1);
  await (await tab(locks.tab()).claim())();
  await other();
  assert.deepEqual(locks.names, []);
});

test("a waiting claim is granted on release or aborted", async () => {
  const release = await tab(locks.tab()).claim();
  const giveUp = new AbortController();
  const impatient = tab(locks.tab()).claim({ wait: true, signal: giveUp.signal });
  const patient = tab(locks.tab()).claim({ wait: true });
  giveUp.abort(new Error("enough"));
  await assert.rejects(impatient, { message: "enough" });
  await release();
  await (await patient)();
});

test("without Web Locks every claim is granted", async () => {
  for (let times = 0; times < 2; times += 1) await (await tab(undefined).claim())();
});

test("a connection claims its storage and releases it at its end", async () => {
  const client = await connect(tab(locks.tab()));
  await assert.rejects(connect(tab(locks.tab())), { reason: "in_use" });
  const next = connect(tab(locks.tab()), { whenInUse: "wait" });
  await client.disconnect();
  await client.disconnect();
  await (await next).disconnect();
  assert.deepEqual(locks.names, []);
});

test("a failed connection releases its storage", async () => {
  server.opens = false;
  await assert.rejects(connect(tab(locks.tab()), { timeout: 50 }), { reason: "unreachable" });
  assert.deepEqual(locks.names, []);
  await assert.rejects(connect(tab(locks.tab()), { user: { alg: "none" } }));
  assert.deepEqual(locks.names, []);
});

test("connecting can be aborted at any stage", async () => {
  const release = await tab(locks.tab()).claim();
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = connect(tab(locks.tab()), { whenInUse: "wait", signal: first.signal });
  first.abort(new Error("another user"));
  await assert.rejects(waiting, { message: "another user" });
  await release();

  server.opens = false;
  const connecting = connect(tab(locks.tab()), { signal: second.signal });
  await until(() => locks.names.length === 1);
  second.abort(new Error("another page"));
  await assert.rejects(connecting, { message: "another page" });
  await assert.rejects(connect(tab(locks.tab()), { signal: second.signal }), { message: "another page" });
  assert.deepEqual(locks.names, []);
});

test("a storage without claims can be shared", async () => {
  const storage = new MemoryStorage();
  const clients = [await connect(storage), await connect(storage)];
  await Promise.all(clients.map((client) => client.disconnect()));
});
