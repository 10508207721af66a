/** The list of rooms that a storage knows. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { Cards } from "../src/cards.js";
import { MemoryStorage } from "../src/storage.js";
import { makeContext, makeRoom, makeUser } from "./support.js";

const [alice, garden, cellar] = await Promise.all([makeUser(), makeRoom(), makeRoom()]);
const request = { request_id: "any", frame: { exp: Date.now() + 60_000 } };

/** A storage that cannot list its names. */
class NamelessStorage extends MemoryStorage {
  names = undefined;
}

const storages = { "that lists its names": MemoryStorage, "without names": NamelessStorage };

for (const [kind, KindOfStorage] of Object.entries(storages)) {
  test(`rooms are listed in a storage ${kind}`, async () => {
    const storage = new KindOfStorage();
    const { records } = makeContext(alice, storage);
    const member = makeContext(alice, storage);
    assert.deepEqual(await records.rooms(), []);
    await records.saveRoomKey(garden.rid, garden.key);
    await records.saveCard(await new Cards(member, garden.rid).write({ name: "Garden", policy: "open" }));
    await records.saveOpenRequest(cellar.rid, request);
    const both = [
      { rid: garden.rid, hasKey: true, asked: false, policy: "open", name: "Garden" },
      { rid: cellar.rid, hasKey: false, asked: true },
    ];
    assert.deepEqual(await records.rooms(), both);
    const later = makeContext(alice, storage).records;
    assert.deepEqual(await later.rooms(), both, "also in the next run");

    await later.saveOpenRequest(cellar.rid, { ...request, withdrawn: true });
    assert.deepEqual(await later.rooms(), both.slice(0, 1));
    await later.deleteOpenRequest(cellar.rid);
    assert.deepEqual(await later.rooms(), both.slice(0, 1));
    await later.saveOpenRequest(cellar.rid, request);
    assert.deepEqual(await later.rooms(), both);
    await later.saveRoomKey(cellar.rid, cellar.key);
    assert.deepEqual((await later.rooms()).map(({ hasKey, asked }) => [hasKey, asked]), [[true, false], [true, false]]);
  });
}

test("rooms of an older client are listed, or once opened", async () => {
  for (const [storage, known] of [[new MemoryStorage(), 2], [new NamelessStorage(), 0]]) {
    storage.set("user", "null");
    storage.set(`room/${garden.rid}/key`, JSON.stringify(garden.key.toStored()));
    storage.set(`room/${cellar.rid}/request`, JSON.stringify(request));
    storage.set("room/nonsense/key", "{}");
    const { records } = makeContext(alice, storage);
    assert.equal((await records.rooms()).length, known);
    for (const { rid } of [garden, cellar, await makeRoom()]) await records.noteRoom(rid);
    const rids = (await makeContext(alice, storage).records.rooms()).map(({ rid }) => rid);
    assert.deepEqual(rids.toSorted(), [garden.rid, cellar.rid].toSorted());
  }
});

test("any iterable of names is accepted", async () => {
  class Iterating extends MemoryStorage {
    names = () => new Set(super.names()).values();
  }
  const storage = new Iterating();
  storage.set(`room/${garden.rid}/key`, JSON.stringify(garden.key.toStored()));
  const { records } = makeContext(alice, storage);
  assert.deepEqual((await records.rooms()).map(({ rid }) => rid), [garden.rid]);
});

test("invalid names or an invalid index are an error", async () => {
  const [nameless, indexless] = [new MemoryStorage(), new MemoryStorage()];
  nameless.names = () => 7;
  indexless.set("rooms", "{}");
  for (const [storage, detail] of [[nameless, "`names` did not return a list"], [indexless, "`rooms` is not a list"]]) {
    const { records } = makeContext(alice, storage);
    const told = { reason: "bad_storage", detail };
    await assert.rejects(records.rooms(), told);
    await assert.rejects(records.saveRoomKey(garden.rid, garden.key), told);
  }
});

test("a crash between index and key lists no room", async () => {
  const storage = new NamelessStorage();
  const { records } = makeContext(alice, storage);
  const { set } = storage;
  storage.set = (name, value) => {
    if (name.endsWith("/key")) throw new Error("killed");
    set.call(storage, name, value);
  };
  await assert.rejects(records.saveRoomKey(garden.rid, garden.key), { reason: "bad_storage" });
  assert.deepEqual(await makeContext(alice, storage).records.rooms(), []);
});
