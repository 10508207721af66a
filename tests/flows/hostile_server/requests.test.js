/** Alice is shown Bob's request, which the server has changed: she is warned, and it is neither shown nor approved. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprintOf, randomId, signFields, toBase64url } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { Stage, mallory, other } from "./stage.js";

const stage = new Stage();
const TIMEOUT = { timeout: 60_000 };
const SIGNATURE = "the signature is invalid";

/**
 * Where members are shown requests: what is a request there, and how Bob's comes to be. Approving by itself is on
 * where it can be, so that what passes the checks is approved at once.
 */
const PLACES = {
  push: {
    policy: "open",
    lie: (swap) => ({
      async toClient(frame) {
        if (frame.event === "request") frame.payload = await swap(frame.payload);
      },
    }),
    arrive: (scene) => scene.ask(),
  },
  "the list after the proof": {
    policy: "open",
    lie: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "prove") await swapAll(response.pending, swap);
      },
    }),
    arrive: arriveWhileAway,
  },
  "a further page of it": {
    policy: "open",
    lie: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "prove") Object.assign(response, { pending: [], cursor: "more" });
        if (answers === "pending") await swapAll(response.items, swap);
      },
      toServer({ event, payload }) {
        if (event === "pending") delete payload.cursor;
      },
    }),
    arrive: arriveWhileAway,
  },
  "the denials": {
    policy: "request",
    lie: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "denials") await swapAll(response.items[0].requests, swap);
      },
    }),
    async arrive(scene) {
      await scene.ask();
      await until("Alice is shown it", () => scene.shown.length > 0);
      await scene.garden.deny(scene.shown.pop());
      // Who waits for the key after that waits in spite of the denial.
      await until("Bob is told", () => scene.bob.storage.get(`room/${scene.rid}/request`) === null);
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

/** Alice is elsewhere when Bob asks. */
async function arriveWhileAway(scene) {
  await scene.garden.leave();
  await scene.ask();
  await scene.enter();
}

/** Back in the room; what she has not been shown comes now, and is approved by itself. */
async function lookAgain(scene) {
  await scene.garden.leave();
  await scene.enter();
  await until("Alice is shown it", () => scene.shown.length > 0);
}

async function swapAll(items, swap) {
  for (const index of items.keys()) items[index] = await swap(items[index]);
}

/** Alice is in her room and Bob in front of it; `shown` are the requests that Alice sees. */
async function begin(policy) {
  const { alice, garden, rid, roomKey } = await stage.room(policy);
  const bob = await stage.somebody().connect();
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
 * In each of the places: with the swap Alice is warned and that is all; as soon as the server tells the truth she is
 * shown the request as Bob made it, and Bob gets the key.
 *
 * @param {(item: any, scene: object) => any} swap
 * @param {string} detail of the warning
 * @param {(scene: object) => unknown} [prepare] before the lying begins
 */
async function isNoticed(swap, detail, prepare = () => {}) {
  await Promise.all(Object.entries(PLACES).map(async ([name, place]) => {
    const scene = await begin(place.policy);
    await prepare(scene);
    await isNoticedIn(name, place, (item) => swap({ ...item }, scene), scene, detail);
  }));
}

async function isNoticedIn(name, { lie, arrive, again = lookAgain }, swap, scene, detail) {
  const { alice, bob, shown } = scene;
  const stop = stage.server.lie(lie(swap), alice.uid);
  await arrive(scene);
  await until(`${name}: Alice is warned`, () => alice.warnings.length > 0);
  assert.deepEqual(alice.warnings, [`bad_request: ${detail}`], name);
  assert.deepEqual([shown, scene.garden.pending], [[], []], name);
  assert.deepEqual(stage.server.said(alice.uid, "approve"), [], name);
  stop();

  const key = scene.door.whenKey();
  await again(scene);
  const told = shown.map(({ uid, note, fingerprint }) => [uid, note, fingerprint]);
  assert.deepEqual(told, [[bob.uid, "It is Bob", scene.fingerprint]], name);
  assert.deepEqual((await within(`${name}: Bob has the key`, key)).private, scene.roomKey.private);
  assert.equal(alice.warnings.length, 1, name);
}

/** Bob's request as the server keeps it, once a member has been shown it. */
function requestOf({ bob, rid }) {
  const isIt = ({ rid: room, uid }) => room === rid && uid === bob.uid;
  return until("a member is shown it", () => stage.server.heard("request").find(isIt));
}

/** The same by the server's own user, for a box of its own. */
async function ownRequest(item, { uid, signer, key, box }) {
  const own = { ...item, uid, ...signer, box_pub: toBase64url(box.pub) };
  return { ...own, sig: await signFields("request", own, key) };
}

/** @param {object} fields */
const set = (fields) => (item) => Object.assign(item, fields);

test("a request with another box key", TIMEOUT, async () => {
  const { box } = await mallory();
  await isNoticed(set({ box_pub: toBase64url(box.pub) }), SIGNATURE);
});

test("a request with another kind of box", TIMEOUT, () => isNoticed(set({ box_alg: "none" }), SIGNATURE));

test("a request with another signature", TIMEOUT, () => {
  return isNoticed((item) => ({ ...item, sig: other(item.sig) }), SIGNATURE);
});

test("a request with the signature of the server's own user", TIMEOUT, async () => {
  const { key } = await mallory();
  await isNoticed(async (item) => ({ ...item, sig: await signFields("request", item, key) }), SIGNATURE);
});

test("a request with another uid", TIMEOUT, async () => {
  const { uid } = await mallory();
  await isNoticed(set({ uid }), "the key does not match the user's id");
});

test("a request with another user, key and all", TIMEOUT, async () => {
  const { uid, signer } = await mallory();
  await isNoticed(set({ uid, ...signer }), SIGNATURE);
});

test("a request in Bob's name with a key and signature of the server's own user", TIMEOUT, async () => {
  const { key, signer } = await mallory();
  const swap = async (item) => ({ ...item, ...signer, sig: await signFields("request", item, key) });
  await isNoticed(swap, "the key does not match the user's id");
});

test("a request with another algorithm", TIMEOUT, () => {
  return isNoticed(set({ sign_alg: "secp256k1" }), "the key does not match the user's id");
});

test("a request with another note", TIMEOUT, () => isNoticed(set({ note: "It is Carol" }), SIGNATURE));

test("a request without its note", TIMEOUT, () => isNoticed(set({ note: undefined }), SIGNATURE));

test("a request with another time", TIMEOUT, () => {
  return isNoticed((item) => ({ ...item, exp: item.exp + 1 }), SIGNATURE);
});

test("a request with a time that is none", TIMEOUT, () => {
  return isNoticed((item) => ({ ...item, exp: String(item.exp) }), "malformed");
});

test("a request with another request_id", TIMEOUT, () => isNoticed(set({ request_id: randomId() }), SIGNATURE));

test("a request that Bob made for another room", TIMEOUT, async () => {
  const { rid } = await stage.room();
  const prepare = async (scene) => {
    await (await scene.bob.client.openRoom(rid)).ask();
    scene.elsewhere = await requestOf({ bob: scene.bob, rid });
  };
  await isNoticed((_, { elsewhere }) => elsewhere, "it is for another room", prepare);
  await isNoticed((item, { elsewhere }) => ({ ...elsewhere, rid: item.rid }), SIGNATURE, prepare);
});

test("a request with another room", TIMEOUT, async () => {
  const { rid } = await stage.room();
  await isNoticed(set({ rid }), "it is for another room");
});

test("a denied request of somebody else than who was denied", TIMEOUT, async () => {
  const scene = await begin("request");
  const { alice, bob, garden, shown } = scene;
  const { uid } = await mallory();
  await scene.ask();
  await until("Alice is shown it", () => shown.length > 0);
  await garden.deny(shown[0]);
  const stop = stage.server.lie({
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

test("a request that is over", TIMEOUT, async () => {
  const { alice, shown, door, garden } = await begin("open");
  const kept = [];
  const stop = stage.server.lie({ toClient: ({ event, payload }) => event !== "request" || !kept.push(payload) });
  const { exp } = await door.ask({ ttl: 500 });
  await until("it is over", () => kept.length > 0 && Date.now() > exp);
  stop();
  stage.server.push(alice.uid, `room:${garden.rid}`, "request", kept[0]);
  await until("Alice is warned", () => alice.warnings.length > 0);
  assert.deepEqual([alice.warnings, shown, garden.pending], [["bad_request: it has expired"], [], []]);
  assert.deepEqual(stage.server.said(alice.uid, "approve"), []);
});

test("a request that was shown is not changed behind its fingerprint", TIMEOUT, async () => {
  const scene = await begin("request");
  const { alice, bob, shown, garden, rid, roomKey } = scene;
  await scene.ask();
  const key = scene.door.whenKey();
  await until("Alice is shown it", () => shown.length > 0);
  // Good in itself, under the id of the one that Alice looks at: it is another one. As Bob's own it changes nothing.
  const item = { ...(await requestOf(scene)), approvals: 7 };
  const impostor = await mallory();
  const swapped = await ownRequest(item, impostor);
  for (const uid of [impostor.uid, bob.uid]) {
    stage.server.push(alice.uid, `room:${rid}`, "request", { ...swapped, uid });
  }
  await until("both have come", () => garden.pending.length === 2 && garden.pending[0].approvals === 7);
  const told = garden.pending.map(({ uid, fingerprint }) => [uid, fingerprint]);
  const other = await fingerprintOf(impostor.uid, impostor.box.id);
  assert.deepEqual(told, [[bob.uid, scene.fingerprint], [impostor.uid, other]]);
  await shown[0].approve();
  assert.deepEqual((await within("Bob has the key", key)).private, roomKey.private);
});

test("a request that is the server's own in everything has another fingerprint than Bob's", TIMEOUT, async () => {
  const scene = await begin("request");
  const { alice, shown } = scene;
  const impostor = await mallory();
  const stop = stage.server.lie(PLACES.push.lie((item) => ownRequest(item, impostor)));
  await scene.ask();
  await until("Alice is shown it", () => shown.length > 0);
  stop();
  assert.deepEqual([shown[0].note, shown[0].uid, alice.warnings], ["It is Bob", impostor.uid, []]);
  assert.notEqual(shown[0].fingerprint, scene.fingerprint);
  assert.equal(shown[0].fingerprint, await fingerprintOf(impostor.uid, impostor.box.id));
  // Nobody but Alice can tell, so nothing is done without her, although she would have it done in an open room.
  assert.deepEqual(stage.server.said(alice.uid, "approve"), []);

  const key = scene.door.whenKey();
  await scene.garden.leave();
  await scene.enter();
  await until("Alice is shown Bob's", () => shown.length > 1);
  assert.equal(shown[1].fingerprint, scene.fingerprint);
  await shown[1].approve();
  assert.deepEqual((await within("Bob has the key", key)).private, scene.roomKey.private);
});

test("a request that was changed on its way to the server is refused there", TIMEOUT, async () => {
  const { box } = await mallory();
  const { bob, door, shown } = await begin("open");
  const swap = { box_pub: toBase64url(box.pub) };
  const stop = stage.server.lie({
    toServer(frame) {
      if (frame.event === "request") Object.assign(frame.payload, swap);
    },
  });
  await assert.rejects(within("Bob is told", door.ask()), { reason: "bad_sig" });
  stop();
  assert.deepEqual([shown, bob.storage.get(`room/${door.rid}/request`)], [[], null]);
  await within("Bob has the key", door.requestKey());
});
