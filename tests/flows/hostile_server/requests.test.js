/**
 * The server changes Bob's request for Alice: she is warned, and it is neither shown nor approved.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprintOf, randomId, signFields, toBase64url } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { HostileFixture, altered, mallory, swapAll, withFields } from "./fixture.js";

const fixture = new HostileFixture();
const TIMEOUT = { timeout: 60_000 };
const SIGNATURE = "the signature is invalid";

/**
 * The paths by which members get requests: how to swap one there, and how to make Bob's deliver
 * there. Automatic approval is on if possible, so that a request that passes the checks is approved
 * at once.
 */
const PATHS = {
  push: {
    policy: "open",
    swapOn: (swap) => ({
      async toClient(frame) {
        if (frame.event === "request") frame.payload = await swap(frame.payload);
      },
    }),
    deliver: (scene) => scene.ask(),
  },
  "the list after the proof": {
    policy: "open",
    swapOn: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "prove") await swapAll(response.pending, swap);
      },
    }),
    deliver: arriveWhileAway,
  },
  "a further page of it": {
    policy: "open",
    swapOn: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "prove") Object.assign(response, { pending: [], cursor: "more" });
        if (answers === "pending") await swapAll(response.items, swap);
      },
      toServer({ event, payload }) {
        if (event === "pending") delete payload.cursor;
      },
    }),
    deliver: arriveWhileAway,
  },
  "the denials": {
    policy: "request",
    swapOn: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "denials") await swapAll(response.items[0].requests, swap);
      },
    }),
    async deliver(scene) {
      await scene.ask();
      await until("Alice sees it", () => scene.shown.length > 0);
      await scene.garden.deny(scene.shown.pop());
      // A later wait for the key continues despite the denial.
      await until("Bob is seen", () => scene.bob.storage.get(`room/${scene.rid}/request`) === null);
      const [{ requests }] = await scene.garden.denials();
      scene.shown.push(...requests);
    },
    async again(scene) {
      const [{ requests }] = await scene.garden.denials();
      scene.shown.push(...requests);
      await requests[0].approve();
    },
  },
};

/** Alice is not in the room when Bob asks. */
async function arriveWhileAway(scene) {
  await scene.garden.leave();
  await scene.ask();
  await scene.enter();
}

/**
 * Alice returns to the room; a request not shown before arrives now and is approved automatically.
 */
async function reenter(scene) {
  await scene.garden.leave();
  await scene.enter();
  await until("Alice sees it", () => scene.shown.length > 0);
}

/**
 * Alice is in her room as a member and Bob as a guest; `shown` are the requests that Alice sees.
 */
async function begin(policy) {
  const { alice, garden, rid, roomKey } = await fixture.room(policy);
  const bob = await fixture.somebody().connect();
  const scene = { alice, bob, rid, roomKey, garden, shown: [], door: await bob.client.openRoom(rid) };
  const watch = () => {
    scene.garden.onRequest((request) => scene.shown.push(request));
    scene.garden.autoApprove();
  };
  scene.ask = async () => {
    scene.fingerprint = (await scene.door.ask({ note: "It is Bob" })).fingerprint;
  };
  scene.enter = async () => {
    scene.garden = await alice.client.openRoom(rid);
    watch();
  };
  watch();
  return scene;
}

/**
 * On each path: with the swap Alice is only warned; once the server is honest she sees Bob's
 * request unchanged, and Bob gets the key.
 *
 * @param {(item: any, scene: object) => any} swap
 * @param {string} detail of the warning
 * @param {(scene: object) => unknown} [prepare] runs before the server lies
 */
async function isDetected(swap, detail, prepare = () => {}) {
  await Promise.all(Object.entries(PATHS).map(async ([name, place]) => {
    const scene = await begin(place.policy);
    await prepare(scene);
    await isDetectedOn(name, place, (item) => swap({ ...item }, scene), scene, detail);
  }));
}

async function isDetectedOn(name, { swapOn, deliver, again = reenter }, swap, scene, detail) {
  const { alice, bob, shown } = scene;
  const stop = fixture.server.lie(swapOn(swap), alice.uid);
  await deliver(scene);
  await until(`${name}: Alice is warned`, () => alice.warnings.length > 0);
  assert.deepEqual(alice.warnings, [`bad_request: ${detail}`], name);
  assert.deepEqual([shown, scene.garden.pending], [[], []], name);
  assert.deepEqual(fixture.server.sentBy(alice.uid, "approve"), [], name);
  stop();

  const key = scene.door.whenKey();
  await again(scene);
  const seen = shown.map(({ uid, note, fingerprint }) => [uid, note, fingerprint]);
  assert.deepEqual(seen, [[bob.uid, "It is Bob", scene.fingerprint]], name);
  assert.deepEqual((await within(`${name}: Bob has the key`, key)).private, scene.roomKey.private);
  assert.equal(alice.warnings.length, 1, name);
}

/** Bob's request as the server pushed it to a member. */
function requestOf({ bob, rid }) {
  const isIt = ({ rid: room, uid }) => room === rid && uid === bob.uid;
  return until("a member sees it", () => fixture.server.pushed("request").find(isIt));
}

/** The request as the server's own user would make it, for its own box. */
async function ownRequest(item, { uid, signer, key, box }) {
  const own = { ...item, uid, ...signer, box_pub: toBase64url(box.pub) };
  return { ...own, sig: await signFields("request", own, key) };
}

test("a request with another box key is refused", TIMEOUT, async () => {
  const { box } = await mallory();
  await isDetected(withFields({ box_pub: toBase64url(box.pub) }), SIGNATURE);
});

test("a request with another box algorithm is refused", TIMEOUT, () => {
  return isDetected(withFields({ box_alg: "none" }), SIGNATURE);
});

test("a request with a changed signature is refused", TIMEOUT, () => {
  return isDetected((item) => ({ ...item, sig: altered(item.sig) }), SIGNATURE);
});

test("a request signed by the server's own user is refused", TIMEOUT, async () => {
  const { key } = await mallory();
  await isDetected(async (item) => ({ ...item, sig: await signFields("request", item, key) }), SIGNATURE);
});

test("a request with another uid is refused", TIMEOUT, async () => {
  const { uid } = await mallory();
  await isDetected(withFields({ uid }), "the key does not match the user's id");
});

test("a request with another user's uid and key is refused", TIMEOUT, async () => {
  const { uid, signer } = await mallory();
  await isDetected(withFields({ uid, ...signer }), SIGNATURE);
});

test("a request with Bob's uid but another key is refused", TIMEOUT, async () => {
  const { key, signer } = await mallory();
  const swap = async (item) => ({ ...item, ...signer, sig: await signFields("request", item, key) });
  await isDetected(swap, "the key does not match the user's id");
});

test("a request with another algorithm is refused", TIMEOUT, () => {
  return isDetected(withFields({ sign_alg: "secp256k1" }), "the key does not match the user's id");
});

test("a request with another note is refused", TIMEOUT, () => {
  return isDetected(withFields({ note: "It is Carol" }), SIGNATURE);
});

test("a request without its note is refused", TIMEOUT, () => {
  return isDetected(withFields({ note: undefined }), SIGNATURE);
});

test("a request with another expiry is refused", TIMEOUT, () => {
  return isDetected((item) => ({ ...item, exp: item.exp + 1 }), SIGNATURE);
});

test("a request with a malformed expiry is refused", TIMEOUT, () => {
  return isDetected((item) => ({ ...item, exp: String(item.exp) }), "malformed");
});

test("a request with another request_id is refused", TIMEOUT, () => {
  return isDetected(withFields({ request_id: randomId() }), SIGNATURE);
});

test("a request that Bob made for another room is refused", TIMEOUT, async () => {
  const { rid } = await fixture.room();
  const prepare = async (scene) => {
    await (await scene.bob.client.openRoom(rid)).ask();
    scene.elsewhere = await requestOf({ bob: scene.bob, rid });
  };
  await isDetected((_, { elsewhere }) => elsewhere, "it is for another room", prepare);
  await isDetected((item, { elsewhere }) => ({ ...elsewhere, rid: item.rid }), SIGNATURE, prepare);
});

test("a request with another rid is refused", TIMEOUT, async () => {
  const { rid } = await fixture.room();
  await isDetected(withFields({ rid }), "it is for another room");
});

test("a denied request of another user is refused", TIMEOUT, async () => {
  const scene = await begin("request");
  const { alice, bob, garden, shown } = scene;
  const { uid } = await mallory();
  await scene.ask();
  await until("Alice sees it", () => shown.length > 0);
  await garden.deny(shown[0]);
  const stop = fixture.server.lie({
    toClient({ answers, payload: { response } }) {
      if (answers === "denials") response.items[0].uid = uid;
    },
  });
  assert.deepEqual((await garden.denials())[0].requests, []);
  assert.deepEqual(alice.warnings, ["bad_request: it belongs to another user"]);
  stop();
  const [{ requests }] = await garden.denials();
  assert.deepEqual(requests.map((request) => request.uid), [bob.uid]);
});

test("an expired request is refused", TIMEOUT, async () => {
  const { alice, shown, door, garden } = await begin("open");
  const kept = [];
  const stop = fixture.server.lie({ toClient: ({ event, payload }) => event !== "request" || !kept.push(payload) });
  const { exp } = await door.ask({ ttl: 500 });
  await until("the request has expired", () => kept.length > 0 && Date.now() > exp);
  stop();
  fixture.server.push(alice.uid, `room:${garden.rid}`, "request", kept[0]);
  await until("Alice is warned", () => alice.warnings.length > 0);
  assert.deepEqual([alice.warnings, shown, garden.pending], [["bad_request: it has expired"], [], []]);
  assert.deepEqual(fixture.server.sentBy(alice.uid, "approve"), []);
});

test("a shown request cannot be replaced", TIMEOUT, async () => {
  const scene = await begin("request");
  const { alice, bob, shown, garden, rid, roomKey } = scene;
  await scene.ask();
  const key = scene.door.whenKey();
  await until("Alice sees it", () => shown.length > 0);
  // A valid request with the id of the shown one is a separate request. Claimed to be Bob's, it
  // changes nothing.
  const item = { ...(await requestOf(scene)), approvals: 7 };
  const impostor = await mallory();
  const swapped = await ownRequest(item, impostor);
  for (const uid of [impostor.uid, bob.uid]) {
    fixture.server.push(alice.uid, `room:${rid}`, "request", { ...swapped, uid });
  }
  await until("both have arrived", () => garden.pending.length === 2 && garden.pending[0].approvals === 7);
  const seen = garden.pending.map(({ uid, fingerprint }) => [uid, fingerprint]);
  const other = await fingerprintOf(impostor.uid, impostor.box.id);
  assert.deepEqual(seen, [[bob.uid, scene.fingerprint], [impostor.uid, other]]);
  await shown[0].approve();
  assert.deepEqual((await within("Bob has the key", key)).private, roomKey.private);
});

test("a request forged completely has another fingerprint", TIMEOUT, async () => {
  const scene = await begin("request");
  const { alice, shown } = scene;
  const impostor = await mallory();
  const stop = fixture.server.lie(PATHS.push.swapOn((item) => ownRequest(item, impostor)));
  await scene.ask();
  await until("Alice sees it", () => shown.length > 0);
  stop();
  assert.deepEqual([shown[0].note, shown[0].uid, alice.warnings], ["It is Bob", impostor.uid, []]);
  assert.notEqual(shown[0].fingerprint, scene.fingerprint);
  assert.equal(shown[0].fingerprint, await fingerprintOf(impostor.uid, impostor.box.id));
  // Only Alice can notice, so nothing is approved without her in a `request` room.
  assert.deepEqual(fixture.server.sentBy(alice.uid, "approve"), []);

  const key = scene.door.whenKey();
  await scene.garden.leave();
  await scene.enter();
  await until("Alice sees Bob's", () => shown.length > 1);
  assert.equal(shown[1].fingerprint, scene.fingerprint);
  await shown[1].approve();
  assert.deepEqual((await within("Bob has the key", key)).private, scene.roomKey.private);
});

test("a request changed on its way is refused by the server", TIMEOUT, async () => {
  const { box } = await mallory();
  const { bob, door, shown } = await begin("open");
  const swap = { box_pub: toBase64url(box.pub) };
  const stop = fixture.server.lie({
    toServer(frame) {
      if (frame.event === "request") Object.assign(frame.payload, swap);
    },
  });
  await assert.rejects(within("Bob is seen", door.ask()), { reason: "bad_sig" });
  stop();
  assert.deepEqual([shown, bob.storage.get(`room/${door.rid}/request`)], [[], null]);
  await within("Bob has the key", door.requestKey());
});
