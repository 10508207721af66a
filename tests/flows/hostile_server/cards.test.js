/** The room's card, which the server has changed: nobody takes it, wherever it is shown, nor approves because of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey, checkCard, ridOf, signFields, toBase64url } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { Stage, mallory, other } from "./stage.js";

const stage = new Stage();
const TIMEOUT = { timeout: 60_000 };

/** A lie about the card in the answer to an event. */
const inAnswerTo = (event) => (swap) => ({
  async toClient({ answers, payload: { response } }) {
    if (answers === "phx_join" && event !== answers) delete response.card;
    if (answers === event && response.card) response.card = await swap(response.card);
  },
});

/** Where a card is shown: what is one there, and who is warned of it. */
const PLACES = {
  "the answer to a join": {
    lie: inAnswerTo("phx_join"),
    show: ({ bob, rid }) => bob.client.openRoom(rid),
  },
  "the answer to a proof": {
    lie: inAnswerTo("prove"),
    show: ({ carol, rid }) => carol.client.openRoom(rid),
    who: "carol",
  },
  "the push": {
    lie: (swap) => ({
      async toClient(frame) {
        if (frame.event === "card") frame.payload = await swap(frame.payload);
        if (frame.answers === "phx_join") delete frame.payload.response.card;
      },
    }),
    async show({ bob, garden, rid }) {
      const door = await bob.client.openRoom(rid);
      await garden.publishCard({ name: "Garden", policy: "request" });
      return door;
    },
  },
};

/** Alice in her room; Bob, a guest, and Carol, a member, elsewhere. */
async function begin() {
  const { alice, garden, rid, roomKey } = await stage.room();
  const [bob, carol] = await Promise.all([stage.somebody(), stage.member({ alice, rid })].map((one) => one.connect()));
  return { alice, garden, rid, roomKey, bob, carol };
}

/**
 * In each of the places, and for who reads cards over HTTP: with the swap no card is taken, without it is.
 *
 * @param {(card: any, scene: object) => any} swap
 * @param {string} detail of the warning
 */
async function isNoticed(swap, detail) {
  await Promise.all(Object.entries(PLACES).map(async ([name, { lie, show, who = "bob" }]) => {
    const scene = await begin();
    const person = scene[who];
    const stop = stage.server.lie(lie((card) => swap({ ...card }, scene)), person.uid);
    const room = await show(scene);
    await until(`${name}: a warning`, () => person.warnings.length > 0);
    assert.deepEqual([person.warnings, room.card], [[`bad_card: ${detail}`], null], name);
    assert.equal(person.storage.get(`room/${scene.rid}/card`), null, name);
    stop();
    await room.leave();
    assert.deepEqual((await person.client.openRoom(scene.rid)).card, scene.garden.card, name);
    assert.equal(person.warnings.length, 1, name);
  }));
  await isNoticedOverHttp(swap, detail);
}

async function isNoticedOverHttp(swap, detail) {
  const scene = await begin();
  const { bob, rid, garden } = scene;
  await garden.publishCard({ listed: true });
  const stop = stage.server.lie({
    async http(told) {
      if (told.path === `/v1/rooms/${rid}`) told.answer = await swap(told.answer, scene);
      if (!told.path.startsWith("/v1/rooms?")) return;
      const { rooms } = told.answer;
      for (const [index, card] of rooms.entries()) if (card.rid === rid) rooms[index] = await swap(card, scene);
    },
  });
  const single = async () => (await fetch(`${stage.server.url}/v1/rooms/${rid}`)).json();
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

/** @param {object} fields */
const set = (fields) => (card) => Object.assign(card, fields);

const SIGNATURE = "the signature is invalid";

test("a card with another name", TIMEOUT, () => isNoticed(set({ name: "Cellar" }), SIGNATURE));

test("a card without its name", TIMEOUT, () => isNoticed(({ name: _, ...card }) => card, SIGNATURE));

test("a card with another policy", TIMEOUT, () => isNoticed(set({ policy: "open" }), SIGNATURE));

test("a card with another version", TIMEOUT, () => {
  return isNoticed((card) => ({ ...card, version: card.version + 1 }), SIGNATURE);
});

test("a card with another signature", TIMEOUT, () => {
  return isNoticed((card) => ({ ...card, sig: other(card.sig) }), SIGNATURE);
});

test("a card with another key, which has signed it", TIMEOUT, async () => {
  const { key } = await mallory();
  const swap = async (card) => {
    const own = { ...card, policy: "open", room_pub: toBase64url(key.pub) };
    return { ...own, sig: await signFields("card", own, key) };
  };
  await isNoticed(swap, "the key does not match the room's id");
});

test("a card with another algorithm", TIMEOUT, () => {
  return isNoticed(set({ alg: "secp256k1" }), "the key does not match the room's id");
});

test("a card of another room", TIMEOUT, async () => {
  const { garden } = await stage.room("open");
  await isNoticed(() => garden.card, "it belongs to another room");
});

test("a card of another room, as if it were of this one", TIMEOUT, async () => {
  const { garden } = await stage.room("open");
  await isNoticed((card) => ({ ...garden.card, rid: card.rid }), "the key does not match the room's id");
});

test("a card with another rid", TIMEOUT, async () => {
  const rid = await ridOf("p256", (await SigningKey.generate()).pub);
  await isNoticed(set({ rid }), "it belongs to another room");
});

test("an older card, which was the room's", TIMEOUT, async () => {
  const { alice, garden, rid, bob } = await begin();
  const older = await garden.publishCard({ name: "Garden", policy: "open" });
  const door = await bob.client.openRoom(rid);
  const newer = await garden.publishCard({ name: "Garden", policy: "request" });
  await until("Bob has it", () => door.card.version === newer.version);
  const warning = `card_downgrade: version ${older.version} arrived after version ${newer.version}`;
  for (const [person, room] of [[alice, garden], [bob, door]]) {
    stage.server.push(person.uid, `room:${rid}`, "card", older);
    await until("a warning", () => person.warnings.length > 0);
    assert.deepEqual([person.warnings, room.card], [[warning], newer]);
  }

  // After a restart as well, in the answer to the join and in the directory.
  await bob.comeBack();
  const stop = stage.server.lie({
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

test("another card of the same version, which the room has signed", TIMEOUT, async () => {
  const { alice, garden, rid, roomKey } = await begin();
  const { sig: _, ...card } = garden.card;
  // Such as a member's who was not quick enough: the server has refused it, and kept it.
  const second = { ...card, policy: "open" };
  second.sig = await signFields("card", second, roomKey);
  stage.server.push(alice.uid, `room:${rid}`, "card", second);
  await until("Alice is warned", () => alice.warnings.length > 0);
  assert.deepEqual(alice.warnings, ["card_downgrade: a different card of version 1"]);
  assert.equal(garden.card.policy, "request");

  // The same said again, with a signature of its own, is no other.
  const again = { ...card, sig: await signFields("card", card, roomKey) };
  stage.server.push(alice.uid, `room:${rid}`, "card", again);
  await until("it is taken", () => garden.card.sig === again.sig);
  assert.equal(alice.warnings.length, 1);
});

test("a card of a far version strands nobody", TIMEOUT, async () => {
  const { alice, garden, rid, roomKey } = await begin();
  // Such as a member's who would have the last word.
  const { sig: _, ...card } = { ...garden.card, version: Number.MAX_SAFE_INTEGER, name: "Mallory's" };
  const last = { ...card, sig: await signFields("card", card, roomKey) };
  stage.server.push(alice.uid, `room:${rid}`, "card", last);
  await until("Alice is warned", () => alice.warnings.length > 0);
  assert.deepEqual(alice.warnings, ["bad_card: the version is in the future"]);
  assert.equal((await garden.publishCard({ name: "Cellar" })).version, 2);
});

test("a card that is missing changes nothing where one was seen", TIMEOUT, async () => {
  const { garden, rid, bob } = await begin();
  await bob.client.openRoom(rid);
  const stop = stage.server.lie({
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join" || answers === "prove") delete response.card;
    },
  });
  for (const person of [bob, await stage.somebody().connect()]) {
    if (person === bob) await bob.comeBack();
    const { card } = await person.client.openRoom(rid);
    assert.deepEqual(card, person === bob ? garden.card : null);
  }
  stop();
});

test("who approves by themselves in open rooms is not fooled by a card", TIMEOUT, async () => {
  const { alice, garden, rid, bob } = await begin();
  garden.autoApprove();
  const shown = [];
  garden.onRequest((request) => shown.push(request));
  stage.server.push(alice.uid, `room:${rid}`, "card", { ...garden.card, policy: "open", version: 2 });
  const { garden: open } = await stage.room("open");
  stage.server.push(alice.uid, `room:${rid}`, "card", open.card);
  await until("Alice is warned", () => alice.warnings.length === 2);
  const key = (await bob.client.openRoom(rid)).requestKey();
  await until("Alice is shown it", () => shown.length > 0);
  // Whoever approves by themselves would have done so by the time that this is answered.
  await alice.client.directory();
  assert.deepEqual([stage.server.said(alice.uid, "approve"), bob.keyOf(rid)], [[], null]);

  await garden.publishCard({ policy: "open", name: "Garden" });
  await within("Bob has the key", key);
});

test("who approves by themselves does not where no card is shown", TIMEOUT, async () => {
  const { alice, garden, rid, bob, carol } = await begin();
  await alice.client.disconnect();
  const stop = stage.server.lie({
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
  assert.deepEqual([room.card, stage.server.said(carol.uid, "approve")], [null, []]);
  stop();
  assert.equal(garden.card.policy, "request");
});
