/**
 * The server changes the room's card: no client accepts it on any path, nor approves because of it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey, checkCard, ridOf, signFields, toBase64url } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { HostileFixture, altered, mallory, withFields } from "./fixture.js";

const fixture = new HostileFixture();
const TIMEOUT = { timeout: 60_000 };

/** Swaps the card in the reply to an event. */
const inAnswerTo = (event) => (swap) => ({
  async toClient({ answers, payload: { response } }) {
    if (answers === "phx_join" && event !== answers) delete response.card;
    if (answers === event && response.card) response.card = await swap(response.card);
  },
});

/**
 * The paths by which cards arrive: how to swap one there, how to make it arrive, and who is warned.
 */
const PATHS = {
  "the answer to a join": {
    swapOn: inAnswerTo("phx_join"),
    deliver: ({ bob, rid }) => bob.client.openRoom(rid),
  },
  "the answer to a proof": {
    swapOn: inAnswerTo("prove"),
    deliver: ({ carol, rid }) => carol.client.openRoom(rid),
    who: "carol",
  },
  "the push": {
    swapOn: (swap) => ({
      async toClient(frame) {
        if (frame.event === "card") frame.payload = await swap(frame.payload);
        if (frame.answers === "phx_join") delete frame.payload.response.card;
      },
    }),
    async deliver({ bob, garden, rid }) {
      const door = await bob.client.openRoom(rid);
      await garden.publishCard({ name: "Garden", policy: "request" });
      return door;
    },
  },
};

/** Alice in her room; Bob, who will be a guest, and Carol, who will be a member. */
async function begin() {
  const { alice, garden, rid, roomKey } = await fixture.room();
  const [bob, carol] = await Promise.all([fixture.somebody(), fixture.member({ alice, rid })].map((one) => one.connect()));
  return { alice, garden, rid, roomKey, bob, carol };
}

/**
 * On each path and over HTTP: with the swap the card is refused, without it it is accepted.
 *
 * @param {(card: any, scene: object) => any} swap
 * @param {string} detail of the warning
 */
async function isDetected(swap, detail) {
  await Promise.all(Object.entries(PATHS).map(async ([name, { swapOn, deliver, who = "bob" }]) => {
    const scene = await begin();
    const person = scene[who];
    const stop = fixture.server.lie(swapOn((card) => swap({ ...card }, scene)), person.uid);
    const room = await deliver(scene);
    await until(`${name}: a warning`, () => person.warnings.length > 0);
    assert.deepEqual([person.warnings, room.card], [[`bad_card: ${detail}`], null], name);
    assert.equal(person.storage.get(`room/${scene.rid}/card`), null, name);
    stop();
    await room.leave();
    assert.deepEqual((await person.client.openRoom(scene.rid)).card, scene.garden.card, name);
    assert.equal(person.warnings.length, 1, name);
  }));
  await isDetectedOverHttp(swap, detail);
}

async function isDetectedOverHttp(swap, detail) {
  const scene = await begin();
  const { bob, rid, garden } = scene;
  await garden.publishCard({ listed: true });
  const stop = fixture.server.lie({
    async http(told) {
      if (told.path === `/v1/rooms/${rid}`) told.answer = await swap(told.answer, scene);
      if (!told.path.startsWith("/v1/rooms?")) return;
      const { rooms } = told.answer;
      for (const [index, card] of rooms.entries()) if (card.rid === rid) rooms[index] = await swap(card, scene);
    },
  });
  const single = async () => (await fetch(`${fixture.server.url}/v1/rooms/${rid}`)).json();
  await assert.rejects(checkCard(await single(), rid), { reason: "bad_card", detail });
  const isListed = async () => {
    const { rooms } = await bob.client.directory({ policy: "request" });
    return rooms.some((card) => card.rid === rid);
  };
  assert.equal(await isListed(), false);
  stop();
  assert.deepEqual(await checkCard(await single(), rid), garden.card);
  assert.equal(await isListed(), true);
}

const SIGNATURE = "the signature is invalid";

test("a card with another name is refused", TIMEOUT, () => {
  return isDetected(withFields({ name: "Cellar" }), SIGNATURE);
});

test("a card without its name is refused", TIMEOUT, () => {
  return isDetected(({ name: _, ...card }) => card, SIGNATURE);
});

test("a card with another policy is refused", TIMEOUT, () => {
  return isDetected(withFields({ policy: "open" }), SIGNATURE);
});

test("a card with another version is refused", TIMEOUT, () => {
  return isDetected((card) => ({ ...card, version: card.version + 1 }), SIGNATURE);
});

test("a card with a changed signature is refused", TIMEOUT, () => {
  return isDetected((card) => ({ ...card, sig: altered(card.sig) }), SIGNATURE);
});

test("a card with another key's signature is refused", TIMEOUT, async () => {
  const { key } = await mallory();
  const swap = async (card) => {
    const own = { ...card, policy: "open", room_pub: toBase64url(key.pub) };
    return { ...own, sig: await signFields("card", own, key) };
  };
  await isDetected(swap, "the key does not match the room's id");
});

test("a card with another algorithm is refused", TIMEOUT, () => {
  return isDetected(withFields({ alg: "secp256k1" }), "the key does not match the room's id");
});

test("a card of another room is refused", TIMEOUT, async () => {
  const { garden } = await fixture.room("open");
  await isDetected(() => garden.card, "it belongs to another room");
});

test("a card of another room with this rid is refused", TIMEOUT, async () => {
  const { garden } = await fixture.room("open");
  await isDetected((card) => ({ ...garden.card, rid: card.rid }), "the key does not match the room's id");
});

test("a card with another rid is refused", TIMEOUT, async () => {
  const rid = await ridOf("p256", (await SigningKey.generate()).pub);
  await isDetected(withFields({ rid }), "it belongs to another room");
});

test("an older card of the room is refused", TIMEOUT, async () => {
  const { alice, garden, rid, bob } = await begin();
  const older = await garden.publishCard({ name: "Garden", policy: "open" });
  const door = await bob.client.openRoom(rid);
  const newer = await garden.publishCard({ name: "Garden", policy: "request" });
  await until("Bob has the newer card", () => door.card.version === newer.version);
  const warning = `card_downgrade: version ${older.version} arrived after version ${newer.version}`;
  for (const [person, room] of [[alice, garden], [bob, door]]) {
    fixture.server.push(person.uid, `room:${rid}`, "card", older);
    await until("a warning", () => person.warnings.length > 0);
    assert.deepEqual([person.warnings, room.card], [[warning], newer]);
  }

  // Also after a restart, in the join reply and in the directory.
  await bob.restart();
  const stop = fixture.server.lie({
    toClient({ answers, topic, payload: { response } }) {
      if (answers === "phx_join" && topic === `room:${rid}`) response.card = older;
    },
    http({ path, answer }) {
      if (path === "/v1/rooms") answer.rooms = [older];
    },
  });
  assert.deepEqual((await bob.client.openRoom(rid)).card, newer);
  assert.deepEqual((await bob.client.directory()).rooms, []);
  assert.deepEqual(bob.warnings, [warning, warning, warning]);
  stop();
});

test("a different signed card of the same version is refused", TIMEOUT, async () => {
  const { alice, garden, rid, roomKey } = await begin();
  const { sig: _, ...card } = garden.card;
  // Such as one by a slower member, which the server refused but kept.
  const second = { ...card, policy: "open" };
  second.sig = await signFields("card", second, roomKey);
  fixture.server.push(alice.uid, `room:${rid}`, "card", second);
  await until("Alice is warned", () => alice.warnings.length > 0);
  assert.deepEqual(alice.warnings, ["card_downgrade: a different card of version 1"]);
  assert.equal(garden.card.policy, "request");

  // The same content with a new signature is the same card.
  const again = { ...card, sig: await signFields("card", card, roomKey) };
  fixture.server.push(alice.uid, `room:${rid}`, "card", again);
  await until("it is accepted", () => garden.card.sig === again.sig);
  assert.equal(alice.warnings.length, 1);
});

test("a card with a huge version does not block later ones", TIMEOUT, async () => {
  const { alice, garden, rid, roomKey } = await begin();
  // Such as one by a member who wants to publish the last version.
  const { sig: _, ...card } = { ...garden.card, version: Number.MAX_SAFE_INTEGER, name: "Mallory's" };
  const last = { ...card, sig: await signFields("card", card, roomKey) };
  fixture.server.push(alice.uid, `room:${rid}`, "card", last);
  await until("Alice is warned", () => alice.warnings.length > 0);
  assert.deepEqual(alice.warnings, ["bad_card: the version is in the future"]);
  assert.equal((await garden.publishCard({ name: "Cellar" })).version, 2);
});

test("a missing card does not replace a known one", TIMEOUT, async () => {
  const { garden, rid, bob } = await begin();
  await bob.client.openRoom(rid);
  const stop = fixture.server.lie({
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join" || answers === "prove") delete response.card;
    },
  });
  for (const person of [bob, await fixture.somebody().connect()]) {
    if (person === bob) await bob.restart();
    const { card } = await person.client.openRoom(rid);
    assert.deepEqual(card, person === bob ? garden.card : null);
  }
  stop();
});

test("a forged open card causes no automatic approve", TIMEOUT, async () => {
  const { alice, garden, rid, bob } = await begin();
  garden.autoApprove();
  const shown = [];
  garden.onRequest((request) => shown.push(request));
  fixture.server.push(alice.uid, `room:${rid}`, "card", { ...garden.card, policy: "open", version: 2 });
  const { garden: open } = await fixture.room("open");
  fixture.server.push(alice.uid, `room:${rid}`, "card", open.card);
  await until("Alice is warned", () => alice.warnings.length === 2);
  const key = (await bob.client.openRoom(rid)).requestKey();
  await until("Alice sees it", () => shown.length > 0);
  // An automatic approve would have been sent before this reply.
  await alice.client.directory();
  assert.deepEqual([fixture.server.sentBy(alice.uid, "approve"), bob.keyOf(rid)], [[], null]);

  await garden.publishCard({ policy: "open", name: "Garden" });
  await within("Bob has the key", key);
});

test("a missing card causes no automatic approve", TIMEOUT, async () => {
  const { alice, garden, rid, bob, carol } = await begin();
  await alice.client.disconnect();
  const stop = fixture.server.lie({
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join" || answers === "prove") delete response.card;
    },
  }, carol.uid);
  const room = await carol.client.openRoom(rid);
  const shown = [];
  room.onRequest((request) => shown.push(request));
  room.autoApprove();
  await (await bob.client.openRoom(rid)).ask();
  await until("Carol is shown it", () => shown.length > 0);
  await carol.client.directory();
  assert.deepEqual([room.card, fixture.server.sentBy(carol.uid, "approve")], [null, []]);
  stop();
  assert.equal(garden.card.policy, "request");
});
