/** Bob gets Alice's approve, which the server has changed: he saves no key, acks nothing, and says why where he can. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BOX_ALG, BoxKey, SigningKey, boxOf, fromBase64url, randomId, ridOf, seal, signFields, toBase64url,
} from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { Stage, mallory, other } from "./stage.js";

const stage = new Stage();
const TIMEOUT = { timeout: 60_000 };

/** In the answer to the join of a topic. */
const inJoin = (prefix) => (swap) => ({
  async toClient({ answers, topic, payload: { response } }) {
    if (answers !== "phx_join") return;
    // What the other topic would bring is kept back.
    if (topic.startsWith(prefix)) await swapAll(response.approves, swap);
    else response.approves = [];
  },
});

const inPages = (prefix) => (swap) => ({
  async toClient({ answers, topic, payload: { response } }) {
    if (answers === "phx_join") Object.assign(response, { approves: [], more: topic.startsWith(prefix) });
    if (answers === "approved") await swapAll(response.items, swap);
  },
});

const inPush = (swap) => ({
  async toClient(frame) {
    if (frame.event === "approve") frame.payload = await swap(frame.payload);
  },
});

/** Where newcomers get approves: what is one there, and how Alice's comes to be. */
const PLACES = {
  "the push in the room": { lie: inPush, arrive: ({ approve }) => approve() },
  "the push in the inbox": {
    lie: inPush,
    async arrive({ door, approve }) {
      await door.leave();
      await approve();
    },
  },
  "the room's list": { lie: inJoin("room:"), arrive: arriveWhileAway },
  "the inbox's list": { lie: inJoin("user:"), arrive: arriveWhileAway },
  "a page of the room's": { lie: inPages("room:"), arrive: arriveWhileAway },
  "a page of the inbox's": { lie: inPages("user:"), arrive: arriveWhileAway },
};

/** Bob is away when Alice approves. */
async function arriveWhileAway({ bob, rid, approve }) {
  await bob.client.disconnect();
  await approve();
  await bob.connect();
  await bob.client.openRoom(rid);
}

async function swapAll(items, swap) {
  for (const index of items.keys()) items[index] = await swap(items[index]);
}

/** Bob has asked and Alice has been shown that. */
async function begin(options) {
  const { alice, garden, rid, roomKey } = await stage.room();
  const bob = await stage.somebody().connect();
  const door = await bob.client.openRoom(rid);
  const scene = { alice, garden, rid, roomKey, bob, door };
  scene.asked = await door.ask(options);
  scene.approve = async () => {
    const shown = () => garden.pending.find(({ requestId }) => requestId === scene.asked.requestId);
    await (await until("Alice is shown the request", shown)).approve();
  };
  return scene;
}

/** Nacks go no further, so that the approve can still come as it is. Gives the codes. */
function keepNacks(bob) {
  const codes = [];
  const stop = stage.server.lie({
    toServer(frame) {
      if (frame.event !== "nack") return true;
      codes.push(frame.payload.code);
      frame.answer({ state: "approved", dup: false });
      return false;
    },
  }, bob.uid);
  return { codes, stop };
}

/**
 * What was pushed to Bob before this has been looked at after it: a whole join takes longer, and so do its answers.
 *
 * @param {object} scene
 */
async function whatCameIsTaken({ bob }) {
  await bob.client.openRoom(await ridOf("p256", (await SigningKey.generate()).pub));
}

/**
 * In each of the places: with the swap Bob has nothing; as soon as the server tells the truth he has the key.
 *
 * @param {(item: any, scene: object) => any} swap
 * @param {Noticed} noticed
 * @param {{places?: object, options?: object, prepare?: (scene: object) => unknown}} [more]
 */
async function isNoticed(swap, noticed, { places = PLACES, options, prepare = () => {} } = {}) {
  await Promise.all(Object.entries(places).map(async ([name, place]) => {
    const scene = await begin(options);
    await prepare(scene);
    await isNoticedIn(name, place, (item) => swap({ ...item }, scene), scene, noticed);
  }));
}

/**
 * @typedef {object} Noticed
 * @property {string} [warning] of Bob; without one it answers nothing that he has asked, and is left alone
 * @property {string} [code] that he nacks with
 */
async function isNoticedIn(name, { lie, arrive }, swap, scene, { warning, code }) {
  const { bob, rid, roomKey } = scene;
  const nacks = keepNacks(bob);
  let swapped = 0;
  const counted = (item) => {
    swapped += 1;
    return swap(item);
  };
  const stop = stage.server.lie(lie(counted), bob.uid);
  await arrive(scene);
  await until(`${name}: it is swapped`, () => swapped > 0);
  if (warning) await until(`${name}: Bob is warned`, () => bob.warnings.length > 0);
  if (code) await until(`${name}: Bob says so`, () => nacks.codes.length > 0);
  await whatCameIsTaken(scene);
  assert.deepEqual(bob.warnings, warning ? [`bad_approve: ${warning}`] : [], name);
  assert.deepEqual(nacks.codes, code ? [code] : [], name);
  assert.deepEqual([bob.keyOf(rid), stage.server.said(bob.uid, "ack")], [null, []], name);
  stop();
  nacks.stop();

  await bob.comeBack();
  const key = await within(`${name}: Bob has the key`, (await bob.client.openRoom(rid)).whenKey());
  assert.deepEqual(key.private, roomKey.private, name);
  assert.equal(stage.server.said(bob.uid, "ack").length, 1, name);
}

/** The same in the name and with the key of the server's own user. */
async function inOwnName(item, { uid, signer, key }) {
  const own = { ...item, ...signer, by: uid };
  return { ...own, user_sig: await signFields("approve", own, key) };
}

/** @param {object} fields */
const set = (fields) => (item) => Object.assign(item, fields);

const USER_SIG = { warning: "the approver's signature is invalid", code: "bad_sig" };
const ROOM_SIG = { warning: "the room's signature is invalid", code: "bad_sig" };
const ANOTHER_BOX = { warning: "it is for another box", code: "undecryptable" };
const WRONG_KEY = { warning: "the key does not match the room's id", code: "wrong_key" };

test("an approve with another ciphertext", TIMEOUT, () => {
  return isNoticed((item) => ({ ...item, ct: other(item.ct) }), USER_SIG);
});

test("an approve with another box", TIMEOUT, async () => {
  const { box } = await mallory();
  await isNoticed(set({ box: box.id }), ANOTHER_BOX);
});

test("an approve with another algorithm", TIMEOUT, () => {
  return isNoticed(set({ alg: "none" }), { warning: "unknown sealing algorithm", code: "undecryptable" });
});

test("an approve with another signature of the room", TIMEOUT, () => {
  return isNoticed((item) => ({ ...item, room_sig: other(item.room_sig) }), ROOM_SIG);
});

test("an approve with the two signatures swapped", TIMEOUT, () => {
  return isNoticed((item) => ({ ...item, room_sig: item.user_sig, user_sig: item.room_sig }), USER_SIG);
});

test("an approve with another signature of its approver", TIMEOUT, () => {
  return isNoticed((item) => ({ ...item, user_sig: other(item.user_sig) }), USER_SIG);
});

test("an approve by another uid", TIMEOUT, async () => {
  const { uid } = await mallory();
  await isNoticed(set({ by: uid }), { warning: "the key does not match the approver's id", code: "bad_sig" });
});

test("an approve with another user's key", TIMEOUT, async () => {
  const { signer } = await mallory();
  await isNoticed(set(signer), { warning: "the key does not match the approver's id", code: "bad_sig" });
});

test("an approve by another user, key and all", TIMEOUT, async () => {
  const { uid, signer } = await mallory();
  await isNoticed(set({ by: uid, ...signer }), USER_SIG);
});

test("an approve that the server's own user has signed as theirs", TIMEOUT, async () => {
  const impostor = await mallory();
  await isNoticed((item) => inOwnName(item, impostor), ROOM_SIG);
});

test("an approve for another room", TIMEOUT, async () => {
  const rid = await ridOf("p256", (await SigningKey.generate()).pub);
  const [inRoom, inInbox] = ["room", "inbox"].map((topic) => {
    return Object.fromEntries(Object.entries(PLACES).filter(([name]) => name.includes(topic)));
  });
  await isNoticed(set({ rid }), { warning: "it is for another room" }, { places: inRoom });
  // The inbox is for all rooms, and of that one Bob wants nothing.
  await isNoticed(set({ rid }), {}, { places: inInbox });
});

test("an approve for another request", TIMEOUT, () => isNoticed(set({ request_id: randomId() }), {}));

test("an approve for another user", TIMEOUT, async () => {
  const { uid } = await mallory();
  await isNoticed(set({ to: uid }), { warning: "it is for another user" });
});

test("an approve with another time", TIMEOUT, () => isNoticed((item) => ({ ...item, exp: item.exp + 1 }), USER_SIG));

test("an approve with another approve_id", TIMEOUT, () => isNoticed(set({ approve_id: randomId() }), USER_SIG));

test("an approve that is malformed", TIMEOUT, () => {
  return isNoticed(set({ sign_pub: 7 }), { warning: "malformed", code: "bad_sig" });
});

test("an approve that the server has sealed, of a room that it has the key of", TIMEOUT, async () => {
  const impostor = await mallory();
  const ownRoom = await SigningKey.generate();
  await isNoticed((item, scene) => sealed(item, scene, impostor, ownRoom), WRONG_KEY);
});

test("an approve that the server has sealed to another box than Bob's", TIMEOUT, async () => {
  const impostor = await mallory();
  const swap = async (item, { rid, bob, asked }) => {
    const context = { rid, request_id: asked.requestId, to: bob.uid };
    const ct = toBase64url(await seal(impostor.box.pub, context, impostor.box.private));
    return inOwnName({ ...item, ct }, impostor);
  };
  await isNoticed(swap, { warning: "it cannot be decrypted", code: "undecryptable" });
});

/** All that the server can do by itself: a key of its own, sealed as it should be, signed by it and by its user. */
async function sealed(item, { rid, bob, asked }, { uid, key, signer }, ownRoom) {
  const [request] = stage.server.said(bob.uid, "request");
  const boxPub = fromBase64url(request.box_pub);
  const context = { rid, request_id: asked.requestId, to: bob.uid };
  const ct = toBase64url(await seal(boxPub, context, ownRoom.private));
  const box = await boxOf(BOX_ALG, boxPub);
  const own = { ...item, ...context, ...signer, approve_id: randomId(), by: uid, box, alg: BOX_ALG, ct };
  const [room_sig, user_sig] = await Promise.all([ownRoom, key].map((signing) => signFields("approve", own, signing)));
  return { ...own, room_sig, user_sig };
}

/** Bob took back an earlier request, of which there is an approve that he never got. */
async function isApprovedBefore(scene) {
  const { bob, door, options } = scene;
  const kept = [];
  const stop = stage.server.lie(inPush((item) => kept.push(item) && { ...item, request_id: randomId() }), bob.uid);
  await scene.approve();
  await until("it has come", () => kept.length > 0);
  await door.withdraw();
  stop();
  [scene.older] = kept;
  scene.asked = await door.ask(options);
  assert.notEqual(scene.asked.requestId, scene.older.request_id);
  assert.deepEqual(bob.warnings, []);
}

test("an approve of an earlier request", TIMEOUT, async () => {
  await isNoticed((_, { older }) => older, {}, { prepare: isApprovedBefore });
});

test("an approve of an earlier request, as if it were of this one", TIMEOUT, async () => {
  const swap = (_, { older, asked }) => ({ ...older, request_id: asked.requestId });
  await isNoticed(swap, ANOTHER_BOX, { prepare: isApprovedBefore });
});

test("an approve of an earlier request for the same box, as if it were of this one", TIMEOUT, async () => {
  const options = { box: await BoxKey.generate() };
  const prepare = (scene) => isApprovedBefore(Object.assign(scene, { options }));
  const swap = (_, { older, asked }) => ({ ...older, request_id: asked.requestId });
  await isNoticed(swap, USER_SIG, { options, prepare });
});

test("an approve for Bob is of no use to anybody else who asks", TIMEOUT, async () => {
  const scene = await begin();
  const carol = await stage.somebody().connect();
  const { requestId } = await (await carol.client.openRoom(scene.rid)).ask();
  const nacks = keepNacks(carol);
  const stop = stage.server.lie(inPush((item) => {
    const hers = { ...item, request_id: requestId, to: carol.uid };
    stage.server.push(carol.uid, `room:${scene.rid}`, "approve", hers);
    return item;
  }), scene.bob.uid);
  await scene.approve();
  await within("Bob has the key", scene.door.whenKey());
  await until("Carol says so", () => nacks.codes.length > 0);
  assert.deepEqual([carol.warnings, nacks.codes], [["bad_approve: it is for another box"], ["undecryptable"]]);
  assert.equal(carol.keyOf(scene.rid), null);
  stop();
  nacks.stop();
});
