import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { FileStorage } from "../src/file-storage.js";
import { SigningKey } from "../src/keys.js";
import { Records } from "../src/records.js";
import { LocalStorage, MemoryStorage } from "../src/storage.js";

const folder = await mkdtemp(join(tmpdir(), "vestibule-storage-"));
afterAll(() => rm(folder, { recursive: true }));

/** The part of the browser's Storage that is used. */
class FakeArea {
  items = new Map();
  getItem = (name) => this.items.get(name) ?? null;
  setItem = (name, value) => void this.items.set(name, value);
  removeItem = (name) => void this.items.delete(name);
}

const storages = {
  MemoryStorage: () => new MemoryStorage(),
  LocalStorage: () => new LocalStorage({ area: new FakeArea() }),
  FileStorage: () => new FileStorage(join(folder, "any.json")),
};

for (const [name, make] of Object.entries(storages)) {
  test(`${name} keeps, replaces and forgets`, async () => {
    const storage = make();
    assert.equal(await storage.get("a"), null);
    await storage.set("a", "1");
    await storage.set("a", "2");
    await storage.set("__proto__", "3");
    assert.equal(await storage.get("a"), "2");
    assert.equal(await storage.get("__proto__"), "3");
    await storage.delete("a");
    await storage.delete("never there");
    assert.equal(await storage.get("a"), null);
  });
}

test("two prefixes share a localStorage without meeting", () => {
  const area = new FakeArea();
  const [alice, bob] = ["alice/", "bob/"].map((prefix) => new LocalStorage({ prefix, area }));
  alice.set("user", "a");
  assert.equal(bob.get("user"), null);
  assert.deepEqual([...area.items.keys()], ["alice/user"]);
});

test("a file outlives its process, is its owner's alone, and leaves no draft", async () => {
  const path = join(folder, "kept.json");
  await writeFile(`${path}.tmp`, "half a dra", { mode: 0o644 });
  const storage = new FileStorage(path);
  await Promise.all([...Array(20).keys()].map((index) => storage.set(`name ${index}`, String(index))));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith("kept")), ["kept.json"]);
  const again = new FileStorage(path);
  for (let index = 0; index < 20; index += 1) assert.equal(await again.get(`name ${index}`), String(index));
});

test("a damaged file is an error, not an empty storage", async () => {
  const path = join(folder, "damaged.json");
  await writeFile(path, '{"user": "secr');
  const storage = new FileStorage(path);
  const tellsNothing = (error) => error.reason === "bad_storage" && !String(error.stack).includes("secr");
  await assert.rejects(storage.set("a", "1"), tellsNothing);
  assert.equal(await readFile(path, "utf8"), '{"user": "secr');
});

test("a change that could not be written is not believed, and the next one works", async () => {
  const path = join(folder, "missing", "file.json");
  const storage = new FileStorage(path);
  await assert.rejects(storage.set("a", "1"), { code: "ENOENT" });
  assert.equal(await storage.get("a"), null);
});

test("a user and a device are made once", async () => {
  const storage = new MemoryStorage();
  const [user, device] = [await new Records(storage).user("ed25519"), await new Records(storage).device()];
  assert.ok((await new Records(storage).user()).equals(user));
  assert.equal(await new Records(storage).device(), device);
});

test("a key that is logged by accident shows its public half only", async () => {
  const key = await SigningKey.generate();
  const { private: secret } = key.toStored();
  assert.ok(!JSON.stringify(key).includes(secret));
  assert.deepEqual(Object.keys(key), ["alg", "pub"]);
});

test("sent approves are kept until they expire", async () => {
  const records = new Records(new MemoryStorage());
  const exp = Date.now() + 60_000;
  await Promise.all([
    records.saveSentApprove("room", "one", { exp }),
    records.saveSentApprove("room", "two", { exp }),
    records.saveSentApprove("room", "old", { exp: Date.now() - 1 }),
  ]);
  assert.deepEqual(await records.sentApprove("room", "one"), { exp });
  assert.equal(await records.sentApprove("room", "old"), undefined);
  await records.saveSentApprove("room", "one", null);
  assert.equal(await records.sentApprove("room", "one"), undefined);
  assert.deepEqual(await records.sentApprove("room", "two"), { exp });
});
