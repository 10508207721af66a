import assert from "node:assert/strict";
import { chmod, lstat, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { FileStorage } from "../src/file-storage.js";
import { SigningKey } from "../src/keys.js";
import { Records } from "../src/records.js";
import { LocalStorage, MemoryStorage } from "../src/storage.js";

const folder = await mkdtemp(join(tmpdir(), "vestibule-storage-"));
afterAll(() => rm(folder, { recursive: true }));

/** The used part of the browser's Storage. */
class FakeArea {
  items = new Map();
  getItem = (name) => this.items.get(name) ?? null;
  setItem = (name, value) => void this.items.set(name, value);
  removeItem = (name) => void this.items.delete(name);
  key = (at) => [...this.items.keys()][at] ?? null;
  get length() {
    return this.items.size;
  }
}

const storages = {
  MemoryStorage: () => new MemoryStorage(),
  LocalStorage: () => new LocalStorage({ area: new FakeArea() }),
  FileStorage: () => new FileStorage(join(folder, "any.json")),
};

for (const [name, make] of Object.entries(storages)) {
  test(`${name} stores, replaces and deletes values`, async () => {
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
    assert.deepEqual(await storage.names(), ["__proto__"]);
  });
}

test("two prefixes in one localStorage are separate", () => {
  const area = new FakeArea();
  const [alice, bob] = ["alice/", "bob/"].map((prefix) => new LocalStorage({ prefix, area }));
  alice.set("user", "a");
  assert.equal(bob.get("user"), null);
  assert.deepEqual([alice.names(), bob.names()], [["user"], []]);
  assert.deepEqual([...area.items.keys()], ["alice/user"]);
});

test("a file is durable, private and without leftovers", async () => {
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
  const tellsNothing = (error) => error.reason === "bad_storage" && !String(error.stack).includes("secr");
  for (const damaged of ['{"user": "secr', "", "7", '"secr"', "[]", "null"]) {
    await writeFile(path, damaged, { mode: 0o600 });
    await assert.rejects(new FileStorage(path).set("a", "1"), tellsNothing, damaged);
    assert.equal(await readFile(path, "utf8"), damaged);
  }
});

test("a file that others may access is refused by default", async () => {
  const path = join(folder, "mounted.json");
  await writeFile(path, '{"a": "1"}', { mode: 0o600 });
  for (const mode of [0o640, 0o604, 0o620, 0o777]) {
    await chmod(path, mode);
    const storage = new FileStorage(path);
    for (const access of [storage.get("a"), storage.set("a", "2"), storage.delete("a"), storage.names()]) {
      await assert.rejects(access, { reason: "bad_storage", detail: new RegExp(`run \`chmod 600 ${path}\``) });
    }
    assert.equal(await new FileStorage(path, { othersMayRead: true }).get("a"), "1");
  }
  assert.equal(await readFile(path, "utf8"), '{"a": "1"}');
  await chmod(path, 0o400);
  assert.equal(await new FileStorage(path).get("a"), "1");
});

test("a file replaced by another process is not overwritten", async () => {
  const path = join(folder, "shared.json");
  const [mine, theirs] = [new FileStorage(path), new FileStorage(path)];
  await mine.set("a", "1");
  assert.equal(await theirs.get("a"), "1");
  await theirs.set("a", "2");
  for (const write of [() => mine.set("b", "1"), () => mine.delete("a")]) {
    await assert.rejects(write(), { reason: "in_use", detail: /^another process has replaced .*shared\.json/ });
  }
  assert.deepEqual([await new FileStorage(path).get("a"), await new FileStorage(path).get("b")], ["2", null]);
  await rm(path);
  await assert.rejects(theirs.set("a", "3"), { reason: "in_use" });

  const [first, second] = [new FileStorage(path), new FileStorage(path)];
  for (const storage of [first, second]) assert.equal(await storage.get("a"), null);
  await first.set("a", "1");
  await assert.rejects(second.set("a", "2"), { reason: "in_use" });
});

test("a link to a file is followed and kept", async () => {
  const [path, link, early] = ["linked.json", "link.json", "early.json"].map((name) => join(folder, name));
  await Promise.all([symlink(path, link), symlink("link.json", early)]);
  for (const [name, value] of [[early, "before the file is there"], [link, "1"]]) {
    await new FileStorage(name).set("a", value);
    assert.equal(await new FileStorage(path).get("a"), value);
    assert.ok((await lstat(name)).isSymbolicLink());
  }
  const [mine, theirs] = [new FileStorage(path), new FileStorage(link)];
  const release = await mine.claim();
  await assert.rejects(theirs.claim(), { reason: "in_use" });
  await release();
  await rm(path);
  await rm(link);
  await symlink("early.json", link);
  await assert.rejects(new FileStorage(link).get("a"), { reason: "bad_storage", code: "ELOOP" });
});

test("an invalid argument of a storage is named", () => {
  for (const path of [undefined, "", 7]) {
    assert.throws(() => new FileStorage(path), { reason: "bad_argument", detail: /^`path` must be/ });
  }
  assert.throws(() => new FileStorage("any", { othersMayRead: "yes" }), { reason: "bad_argument" });
  assert.throws(() => new LocalStorage(), { reason: "bad_storage", detail: /localStorage is not available/ });
});

test("a failed write changes nothing", async () => {
  const path = join(folder, "missing", "file.json");
  const storage = new FileStorage(path);
  await assert.rejects(storage.set("a", "1"), { reason: "bad_storage", code: "ENOENT" });
  assert.equal(await storage.get("a"), null);
});

test("a user and a device are created once", async () => {
  const storage = new MemoryStorage();
  const [user, device] = [await new Records(storage).user("ed25519"), await new Records(storage).device()];
  assert.ok((await new Records(storage).user()).equals(user));
  assert.equal(await new Records(storage).device(), device);
});

test("logging a key shows only its public half", async () => {
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
