/**
 * The database is restored to an earlier state: clients send again what the server has since
 * acknowledged.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { MemoryStorage, Vestibule } from "vestibule-client";
import WebSocket from "ws";
import { Server, within } from "./support.js";

/** Copies a database like `sqlite3 vestibule.db ".backup copy.db"`. */
const BACK_UP = `
import sqlite3, sys
sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))
`;

test("Bob gets the key although the backup lacks the approve", { timeout: 60_000 }, async (t) => {
  const server = await Server.begin();
  t.after(() => server.end());
  const connect = (storage = new MemoryStorage()) =>
    within("connected", Vestibule.connect(server.url, { storage, transport: WebSocket }));

  const alice = await connect();
  t.after(() => alice.disconnect());
  const garden = await alice.createRoom({ policy: "request" });
  const asked = new Promise((resolve) => garden.onRequest(resolve));
  const storage = new MemoryStorage();
  const bob = await connect(storage);
  await (await bob.openRoom(garden.rid)).ask();
  const request = await within("Alice is asked", asked);
  await bob.disconnect();

  const database = join(server.folder, "server", "vestibule.db");
  const backup = join(server.folder, "backup.db");
  await promisify(execFile)("python3", ["-c", BACK_UP, database, backup]);
  await within("the approve is stored", request.approve());
  await server.stop();
  await Promise.all(["-wal", "-shm"].map((name) => rm(database + name, { force: true })));
  await rename(backup, database);
  await server.start();

  const back = await connect(storage);
  t.after(() => back.disconnect());
  const door = await back.openRoom(garden.rid);
  const key = await within("Bob has the key", door.whenKey());
  assert.ok(key);
});
