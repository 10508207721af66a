import assert from "node:assert/strict";
import { test } from "vitest";
import { Cards, cardFrame } from "../src/cards.js";
import { MemoryStorage } from "../src/storage.js";
import { makeContext, makeRoom, makeUser } from "./support.js";

const [alice, room] = await Promise.all([makeUser(), makeRoom()]);

async function begin(storage = new MemoryStorage()) {
  const context = makeContext(alice, storage);
  await context.records.saveRoomKey(room.rid, room.key);
  const cards = new Cards(context, room.rid);
  await cards.load();
  return { cards, storage };
}

test("a newer card is taken, an older one never again, even after a restart", async () => {
  const { cards, storage } = await begin();
  const first = await cards.write({ policy: "open", name: "Garden" });
  assert.equal(first.version, 1);
  assert.equal(await cards.take(first), true);
  assert.equal(await cards.take(first), false, "which is no news");
  const second = await cards.write({ policy: "request" });
  assert.equal(second.version, 2);
  assert.equal(await cards.take(second), true);

  for (const { cards: now } of [{ cards }, await begin(storage)]) {
    const downgrade = { reason: "card_downgrade", detail: "version 1 came after version 2" };
    await assert.rejects(now.take(first), downgrade);
    assert.deepEqual(now.newest, second);
  }
});

test("another card of the version that was seen is not taken, the same one signed anew is", async () => {
  const { cards } = await begin();
  const [first, second, renamed, again] = await Promise.all([
    cards.write({ policy: "request" }),
    cards.write({ policy: "open" }),
    cards.write({ policy: "request", name: "Garden" }),
    cards.write({ policy: "request" }),
  ]);
  assert.equal(await cards.take(first), true);
  for (const other of [second, renamed]) {
    await assert.rejects(cards.take(other), { reason: "card_downgrade", detail: "another one of version 1" });
    assert.deepEqual(cards.newest, first);
  }
  await cards.take(again);
  assert.equal(cards.newest.sig, again.sig);
});

test("a card that is none is not taken, and hinders no later one", async () => {
  const { cards } = await begin();
  const card = await cards.write({ policy: "open" });
  const taken = [cards.take({ ...card, version: 7 }), cards.take(card)];
  await assert.rejects(taken[0], { reason: "bad_card" });
  assert.equal(await taken[1], true);
});

test("what is published is what is signed", async () => {
  const { cards } = await begin();
  const { sig, ...card } = await cards.write({ policy: "secret" });
  assert.deepEqual(cardFrame({ ...card, sig }), { version: 1, policy: "secret", sig });
  const named = await cards.write({ policy: "open", name: "Garden" });
  assert.deepEqual(Object.keys(cardFrame(named)), ["version", "policy", "name", "sig"]);
});

test("who has no key signs no card", async () => {
  const cards = new Cards(makeContext(alice), room.rid);
  await assert.rejects(cards.write({ policy: "open" }), { reason: "not_member" });
});
