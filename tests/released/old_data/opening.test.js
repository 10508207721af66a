/** The released folder can be opened, migrated, closed and opened again. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Socket } from "phoenix";
import WebSocket from "ws";
import { reply } from "../../flows/phoenix_user.js";
import { run } from "../../service/run.js";
import { RELEASED, ReleasedFolder, TRUTH } from "./folder.js";

/** The epoch of the released database. */
const EPOCH = "tzmmc3wrcB67EHuttWvd-g";

/** Prints SQLite's findings on a database: only "ok" if it and all its references are intact. */
const CHECK = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for pragma in ("integrity_check", "foreign_key_check"):
    print(*(" ".join(map(str, row)) for row in database.execute("PRAGMA " + pragma)), sep="\\n")
`;

test("the database is intact after the first and second start", async (t) => {
  const server = await ReleasedFolder.open(t);
  for (const start of ["first", "second"]) {
    if (start === "second") await server.start();
    assert.equal((await server.member()).proven.pending.length, 3);
    await server.stop();
    assert.equal((await run("python3", ["-c", CHECK, join(server.data, "vestibule.db")])).trim(), "ok", start);
  }
});

test("the epoch is unchanged, so clients repeat nothing", async (t) => {
  const server = await ReleasedFolder.open(t);
  const { epoch } = (await server.member()).joined;
  assert.equal(epoch, EPOCH);
});

test("a token issued before the update is still valid", async (t) => {
  const server = await ReleasedFolder.open(t);
  const { user, token } = JSON.parse(await readFile(join(RELEASED, "token.json"), "utf8"));
  const secrets = await readFile(join(server.data, "secrets"), "utf8");
  assert.equal(secrets, await readFile(join(RELEASED, "data/secrets"), "utf8"));

  const comeBack = (authToken) => {
    const socket = new Socket(`${server.url.replace("http", "ws")}/socket`, { transport: WebSocket, authToken });
    server.hosts({ disconnect: () => new Promise((resolve) => socket.disconnect(resolve)) });
    socket.connect();
    const { uid, device } = TRUTH.users[user];
    return reply(socket.channel(`user:${uid}`, { v: 1, device }).join());
  };
  assert.equal((await comeBack(token)).server, TRUTH.server);
  const other = token.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  await assert.rejects(comeBack(other), { reason: "unauthorized" });
});

test("all users sign in and find their own inbox", async (t) => {
  const server = await ReleasedFolder.open(t);
  const found = {};
  for (const name of Object.keys(TRUTH.users)) {
    const user = await server.signIn(name);
    const { mine, approves, notices } = (await user.join(`user:${user.uid}`)).joined;
    found[name] = [mine.length, approves.length, notices.length];
  }
  assert.deepEqual(found, {
    alice: [0, 0, 2],
    mallory: [0, 0, 0],
    pending: [1, 0, 0],
    approved: [1, 1, 0],
    denied: [0, 0, 1],
    blocked: [0, 0, 1],
    done: [0, 0, 0],
    withdrawn: [0, 0, 1],
    nacked: [1, 0, 0],
  });
});
