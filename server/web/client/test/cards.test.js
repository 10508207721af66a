import assert from "node:assert/strict";
import { test } from "vitest";
import { toBase64url } from "../src/bytes.js";
import { Cards, cardFrame } from "../src/cards.js";
import { signFields } from "../src/signed.js";
import { MemoryStorage } from "../src/storage.js";
import { makeContext, makeRoom, makeUser } from "./support.js";

const [alice, room] = await Promise.all([makeUser(), makeRoom()]);

async function begin(storage = new MemoryStorage()) {
  const context = makeContext(alice, storage);
  await context.records.saveRoomKey(room.rid, room.key);
  const cards = new Cards(context, room.rid);
  await cards.load();
  return { cards, context, storage };
}

/** A card with these fields, signed by a member. */
async function signed(fields) {
  const card = { rid: room.rid, room_pub: toBase64url(room.key.pub), alg: room.key.alg, policy: "request", ...fields };
  return { ...card, sig: await signFields("card", card, room.key) };
}

test("an older card is refused, even after a restart", async () => {
  const { cards, storage } = await begin();
  const first = await cards.write({ policy: "open", name: "Garden" });
  assert.equal(first.version, 1);
  assert.equal(await cards.take(first), true);
  assert.equal(await cards.take(first), false, "it is not new");
  const second = await cards.write({ policy: "request" });
  assert.equal(second.version, 2);
  assert.equal(await cards.take(second), true);

  for (const { cards: now } of [{ cards }, await begin(storage)]) {
    const downgrade = { reason: "card_downgrade", detail: "version 1 arrived after version 2" };
    await assert.rejects(now.take(first), downgrade);
    assert.deepEqual(now.newest, second);
  }
});

test("a different card of the same version is refused", async () => {
  const { cards } = await begin();
  const [first, second, renamed, again] = await Promise.all([
    cards.write({ policy: "request" }),
    cards.write({ policy: "open" }),
    cards.write({ policy: "request", name: "Garden" }),
    cards.write({ policy: "request" }),
  ]);
  assert.equal(await cards.take(first), true);
  for (const other of [second, renamed]) {
    await assert.rejects(cards.take(other), { reason: "card_downgrade", detail: "a different card of version 1" });
    assert.deepEqual(cards.newest, first);
  }
  await cards.take(again);
  assert.equal(cards.newest.sig, again.sig);
});

test("a malformed card does not block a later one", async () => {
  const { cards } = await begin();
  const card = await cards.write({ policy: "open" });
  const taken = [cards.take({ ...card, version: 7 }), cards.take(card)];
  await assert.rejects(taken[0], { reason: "bad_card" });
  assert.equal(await taken[1], true);
});

test("the published frame holds the signed fields", async () => {
  const { cards } = await begin();
  const { sig, ...card } = await cards.write({ policy: "secret" });
  assert.deepEqual(cardFrame({ ...card, sig }), { version: 1, policy: "secret", sig });
  const named = await cards.write({ policy: "open", name: "Garden" });
  assert.deepEqual(Object.keys(cardFrame(named)), ["version", "policy", "name", "sig"]);
});

test("a card cannot be written without the room's key", async () => {
  const cards = new Cards(makeContext(alice), room.rid);
  await assert.rejects(cards.write({ policy: "open" }), { reason: "not_member" });
});

const DAY_MS = 86_400_000;
const poisoned = { reason: "bad_card", detail: "the version is in the future" };

test("a version more than a day ahead is refused", async () => {
  const { cards } = await begin();
  for (const version of [Date.now() + 2 * DAY_MS, Number.MAX_SAFE_INTEGER]) {
    await assert.rejects(cards.take(await signed({ version })), poisoned);
  }
  assert.equal(cards.newest, null);
  assert.equal((await cards.write({ policy: "request" })).version, 1);
  assert.equal(await cards.take(await signed({ version: Date.now() + DAY_MS - 60_000 })), true);
});

test("a slow clock accepts the highest version servers accept", async () => {
  const { cards, context } = await begin();
  const largest = Date.now() + DAY_MS;
  context.clock.update(Date.now() - 10 * 60_000);
  assert.equal(await cards.take(await signed({ version: largest })), true);
});

test("versions are checked against the corrected clock", async () => {
  const { cards, context } = await begin();
  const card = await signed({ version: Date.now() + 3 * DAY_MS });
  await assert.rejects(cards.take(card), poisoned);
  context.clock.update(Date.now() + 3 * DAY_MS);
  assert.equal(await cards.take(card), true);
});

test("a stored card from the future is ignored", async () => {
  const storage = new MemoryStorage();
  storage.set(`room/${room.rid}/card`, JSON.stringify(await signed({ version: Number.MAX_SAFE_INTEGER })));
  const { cards } = await begin(storage);
  assert.equal(cards.newest, null);
  assert.equal(await cards.take(await signed({ version: 2 })), true);
  assert.equal(cards.newest.version, 2);
});

test("the next version follows the newest card", async () => {
  const { cards } = await begin();
  await cards.take(await signed({ version: 1 }));
  const version = Date.now();
  await cards.take(await signed({ version }));
  assert.equal((await cards.write({ name: "Garden" })).version, version + 1);
});

test("a name with hidden characters can be replaced", async () => {
  const { cards, storage } = await begin();
  const good = await signed({ version: 1, name: "Garden", policy: "open" });
  await cards.take(good);
  const bad = await signed({ version: 5, name: "Gar\u202Eden", policy: "request" });
  const refused = { reason: "bad_card", detail: "the name contains control or format characters" };
  await assert.rejects(cards.take(bad), refused);
  assert.deepEqual(cards.newest, good);
  assert.equal(cards.policy, "request", "as the room's newest card says");
  await assert.rejects(cards.take(await signed({ version: 4 })), { reason: "card_downgrade" });

  const repaired = await cards.write({ name: "Cellar" });
  assert.deepEqual([repaired.version, repaired.policy, repaired.name], [6, "request", "Cellar"]);
  assert.equal(await cards.take(repaired), true);

  // As 0.1.0 stored it.
  storage.set(`room/${room.rid}/card`, JSON.stringify(bad));
  const { cards: after } = await begin(storage);
  assert.deepEqual([after.newest, after.policy], [null, "request"]);
  const unnamed = await after.write({});
  assert.deepEqual([unnamed.version, unnamed.policy, unnamed.name], [6, "request", undefined]);
});
