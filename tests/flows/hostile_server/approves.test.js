/**
 * The server changes Alice's approve for Bob: he saves no key, acks nothing, and nacks with the
 * reason if he can.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BOX_ALG, BoxKey, SigningKey, boxOf, fromBase64url, randomId, ridOf, seal, signFields, toBase64url,
} from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { HostileFixture, altered, mallory, swapAll, withFields } from "./fixture.js";

const fixture = new HostileFixture();
const TIMEOUT = { timeout: 60_000 };

/** Swaps approves in the join reply of one kind of topic. */
const inJoin = (prefix) => (swap) => ({
  async toClient({ answers, topic, payload: { response } }) {
    if (answers !== "phx_join") return;
    // Withhold what the other topic would deliver.
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

/**
 * The paths by which newcomers get approves: how to swap one there, and how to make Alice's deliver
 * there.
 */
const PATHS = {
  "the push in the room": { swapOn: inPush, deliver: ({ approve }) => approve() },
  "the push in the inbox": {
    swapOn: inPush,
    async deliver({ door, approve }) {
      await door.leave();
      await approve();
    },
  },
  "the room's list": { swapOn: inJoin("room:"), deliver: arriveWhileAway },
  "the inbox's list": { swapOn: inJoin("user:"), deliver: arriveWhileAway },
  "a page of the room's": { swapOn: inPages("room:"), deliver: arriveWhileAway },
  "a page of the inbox's": { swapOn: inPages("user:"), deliver: arriveWhileAway },
};

/** Bob is offline when Alice approves. */
async function arriveWhileAway({ bob, rid, approve }) {
  await bob.client.disconnect();
  await approve();
  await bob.connect();
  await bob.client.openRoom(rid);
}

/** Bob has sent a request. */
async function begin(options) {
  const { alice, garden, rid, roomKey } = await fixture.room();
  const bob = await fixture.somebody().connect();
  const door = await bob.client.openRoom(rid);
  const scene = { alice, garden, rid, roomKey, bob, door };
  scene.asked = await door.ask(options);
  scene.approve = async () => {
    const shown = () => garden.pending.find(({ requestId }) => requestId === scene.asked.requestId);
    await (await until("Alice is shown the request", shown)).approve();
  };
  return scene;
}

/**
 * Withholds Bob's nacks, so that the unchanged approve can still deliver, and returns their codes.
 */
function withholdNacks(bob) {
  const codes = [];
  const stop = fixture.server.lie({
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
 * Waits until Bob's client has handled earlier pushes: joining a room takes longer than that.
 *
 * @param {object} scene
 */
async function pushesAreHandled({ bob }) {
  await bob.client.openRoom(await ridOf("p256", (await SigningKey.generate()).pub));
}

/**
 * On each path: with the swap Bob gets no key; once the server is honest he gets it.
 *
 * @param {(item: any, scene: object) => any} swap
 * @param {Detection} detection
 * @param {{paths?: object, options?: object, prepare?: (scene: object) => unknown}} [more]
 */
async function isDetected(swap, detection, { paths = PATHS, options, prepare = () => {} } = {}) {
  await Promise.all(Object.entries(paths).map(async ([name, place]) => {
    const scene = await begin(options);
    await prepare(scene);
    await isDetectedOn(name, place, (item) => swap({ ...item }, scene), scene, detection);
  }));
}

/**
 * @typedef {object} Detection
 * @property {string} [warning] Bob's warning; absent if the approve does not answer his request and
 *   is ignored
 * @property {string} [code] Bob's nack code
 */
async function isDetectedOn(name, { swapOn, deliver }, swap, scene, { warning, code }) {
  const { bob, rid, roomKey } = scene;
  const nacks = withholdNacks(bob);
  let swapped = 0;
  const counted = (item) => {
    swapped += 1;
    return swap(item);
  };
  const stop = fixture.server.lie(swapOn(counted), bob.uid);
  await deliver(scene);
  await until(`${name}: the approve is swapped`, () => swapped > 0);
  if (warning) await until(`${name}: Bob is warned`, () => bob.warnings.length > 0);
  if (code) await until(`${name}: Bob nacks it`, () => nacks.codes.length > 0);
  await pushesAreHandled(scene);
  assert.deepEqual(bob.warnings, warning ? [`bad_approve: ${warning}`] : [], name);
  assert.deepEqual(nacks.codes, code ? [code] : [], name);
  assert.deepEqual([bob.keyOf(rid), fixture.server.sentBy(bob.uid, "ack")], [null, []], name);
  stop();
  nacks.stop();

  await bob.restart();
  const key = await within(`${name}: Bob has the key`, (await bob.client.openRoom(rid)).whenKey());
  assert.deepEqual(key.private, roomKey.private, name);
  assert.equal(fixture.server.sentBy(bob.uid, "ack").length, 1, name);
}

/** The approve with the uid, key and signature of the server's own user. */
async function inOwnName(item, { uid, signer, key }) {
  const own = { ...item, ...signer, by: uid };
  return { ...own, user_sig: await signFields("approve", own, key) };
}

const USER_SIG = { warning: "the approver's signature is invalid", code: "bad_sig" };
const ROOM_SIG = { warning: "the room's signature is invalid", code: "bad_sig" };
const ANOTHER_BOX = { warning: "it is for another box", code: "undecryptable" };
const WRONG_KEY = { warning: "the key does not match the room's id", code: "wrong_key" };

test("an approve with a changed ciphertext is refused", TIMEOUT, () => {
  return isDetected((item) => ({ ...item, ct: altered(item.ct) }), USER_SIG);
});

test("an approve with another box is refused", TIMEOUT, async () => {
  const { box } = await mallory();
  await isDetected(withFields({ box: box.id }), ANOTHER_BOX);
});

test("an approve with another algorithm is refused", TIMEOUT, () => {
  return isDetected(withFields({ alg: "none" }), { warning: "unknown sealing algorithm", code: "undecryptable" });
});

test("an approve with a changed room signature is refused", TIMEOUT, () => {
  return isDetected((item) => ({ ...item, room_sig: altered(item.room_sig) }), ROOM_SIG);
});

test("an approve with its two signatures swapped is refused", TIMEOUT, () => {
  return isDetected((item) => ({ ...item, room_sig: item.user_sig, user_sig: item.room_sig }), USER_SIG);
});

test("an approve with a changed user signature is refused", TIMEOUT, () => {
  return isDetected((item) => ({ ...item, user_sig: altered(item.user_sig) }), USER_SIG);
});

test("an approve by another uid is refused", TIMEOUT, async () => {
  const { uid } = await mallory();
  await isDetected(withFields({ by: uid }), { warning: "the key does not match the approver's id", code: "bad_sig" });
});

test("an approve with another user's key is refused", TIMEOUT, async () => {
  const { signer } = await mallory();
  await isDetected(withFields(signer), { warning: "the key does not match the approver's id", code: "bad_sig" });
});

test("an approve with another user's uid and key is refused", TIMEOUT, async () => {
  const { uid, signer } = await mallory();
  await isDetected(withFields({ by: uid, ...signer }), USER_SIG);
});

test("an approve signed by the server's own user is refused", TIMEOUT, async () => {
  const impostor = await mallory();
  await isDetected((item) => inOwnName(item, impostor), ROOM_SIG);
});

test("an approve for another room is refused", TIMEOUT, async () => {
  const rid = await ridOf("p256", (await SigningKey.generate()).pub);
  const [inRoom, inInbox] = ["room", "inbox"].map((topic) => {
    return Object.fromEntries(Object.entries(PATHS).filter(([name]) => name.includes(topic)));
  });
  await isDetected(withFields({ rid }), { warning: "it is for another room" }, { paths: inRoom });
  // The inbox serves all rooms, and Bob has no request in that one.
  await isDetected(withFields({ rid }), {}, { paths: inInbox });
});

test("an approve for another request is ignored", TIMEOUT, () => {
  return isDetected(withFields({ request_id: randomId() }), {});
});

test("an approve for another user is refused", TIMEOUT, async () => {
  const { uid } = await mallory();
  await isDetected(withFields({ to: uid }), { warning: "it is for another user" });
});

test("an approve with another expiry is refused", TIMEOUT, () => {
  return isDetected((item) => ({ ...item, exp: item.exp + 1 }), USER_SIG);
});

test("an approve with another approve_id is refused", TIMEOUT, () => {
  return isDetected(withFields({ approve_id: randomId() }), USER_SIG);
});

test("a malformed approve is refused", TIMEOUT, () => {
  return isDetected(withFields({ sign_pub: 7 }), { warning: "malformed", code: "bad_sig" });
});

test("an approve with the server's own room key is refused", TIMEOUT, async () => {
  const impostor = await mallory();
  const ownRoom = await SigningKey.generate();
  await isDetected((item, scene) => sealed(item, scene, impostor, ownRoom), WRONG_KEY);
});

test("an approve sealed to another box is refused", TIMEOUT, async () => {
  const impostor = await mallory();
  const swap = async (item, { rid, bob, asked }) => {
    const context = { rid, request_id: asked.requestId, to: bob.uid };
    const ct = toBase64url(await seal(impostor.box.pub, context, impostor.box.private));
    return inOwnName({ ...item, ct }, impostor);
  };
  await isDetected(swap, { warning: "it cannot be decrypted", code: "undecryptable" });
});

/**
 * The best that the server can do: its own room key, correctly sealed, and signed by that key and
 * its own user.
 */
async function sealed(item, { rid, bob, asked }, { uid, key, signer }, ownRoom) {
  const [request] = fixture.server.sentBy(bob.uid, "request");
  const boxPub = fromBase64url(request.box_pub);
  const context = { rid, request_id: asked.requestId, to: bob.uid };
  const ct = toBase64url(await seal(boxPub, context, ownRoom.private));
  const box = await boxOf(BOX_ALG, boxPub);
  const own = { ...item, ...context, ...signer, approve_id: randomId(), by: uid, box, alg: BOX_ALG, ct };
  const [room_sig, user_sig] = await Promise.all([ownRoom, key].map((signing) => signFields("approve", own, signing)));
  return { ...own, room_sig, user_sig };
}

/** Bob has withdrawn an earlier request, whose approve he never received. */
async function missEarlierApprove(scene) {
  const { bob, door, options } = scene;
  const kept = [];
  const stop = fixture.server.lie(inPush((item) => kept.push(item) && { ...item, request_id: randomId() }), bob.uid);
  await scene.approve();
  await until("the approve has arrived", () => kept.length > 0);
  await door.withdraw();
  stop();
  [scene.older] = kept;
  scene.asked = await door.ask(options);
  assert.notEqual(scene.asked.requestId, scene.older.request_id);
  assert.deepEqual(bob.warnings, []);
}

test("an approve of an earlier request is ignored", TIMEOUT, async () => {
  await isDetected((_, { older }) => older, {}, { prepare: missEarlierApprove });
});

test("an earlier approve with this request's id is refused", TIMEOUT, async () => {
  const swap = (_, { older, asked }) => ({ ...older, request_id: asked.requestId });
  await isDetected(swap, ANOTHER_BOX, { prepare: missEarlierApprove });
});

test("an earlier approve for the same box is refused", TIMEOUT, async () => {
  const options = { box: await BoxKey.generate() };
  const prepare = (scene) => missEarlierApprove(Object.assign(scene, { options }));
  const swap = (_, { older, asked }) => ({ ...older, request_id: asked.requestId });
  await isDetected(swap, USER_SIG, { options, prepare });
});

test("an approve for Bob is refused by other newcomers", TIMEOUT, async () => {
  const scene = await begin();
  const carol = await fixture.somebody().connect();
  const { requestId } = await (await carol.client.openRoom(scene.rid)).ask();
  const nacks = withholdNacks(carol);
  const stop = fixture.server.lie(inPush((item) => {
    const hers = { ...item, request_id: requestId, to: carol.uid };
    fixture.server.push(carol.uid, `room:${scene.rid}`, "approve", hers);
    return item;
  }), scene.bob.uid);
  await scene.approve();
  await within("Bob has the key", scene.door.whenKey());
  await until("Carol nacks it", () => nacks.codes.length > 0);
  assert.deepEqual([carol.warnings, nacks.codes], [["bad_approve: it is for another box"], ["undecryptable"]]);
  assert.equal(carol.keyOf(scene.rid), null);
  stop();
  nacks.stop();
});
