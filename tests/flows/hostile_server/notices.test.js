/** What the server tells of denials and other endings: a denial is checked; the rest can delay a key and do no more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey, signFields } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { Stage, mallory, other } from "./stage.js";

const stage = new Stage();
const TIMEOUT = { timeout: 60_000 };

/** Alice is shown what Bob asks. */
async function begin(policy) {
  const { alice, garden, rid, roomKey } = await stage.room(policy);
  const bob = await stage.somebody().connect();
  const told = [];
  bob.client.onNotice(({ event }) => told.push(event));
  const door = await bob.client.openRoom(rid);
  const ended = [];
  const scene = { alice, garden, rid, roomKey, bob, door, told, ended };
  scene.asked = await door.ask();
  scene.key = door.whenKey();
  scene.key.catch(({ reason }) => ended.push(reason));
  scene.request = await until("Alice is shown it", () => garden.pending[0]);
  return scene;
}

/** Where notices come: pushed in the room or the inbox, in the answers to both joins, and on a further page. */
const PLACES = {
  "the push in the room": {
    lie: (swap) => ({
      async toClient(frame) {
        if (frame.event === "denied") frame.payload = await swap(frame.payload);
      },
    }),
    arrive: ({ garden, request }) => garden.deny(request, { code: "no" }),
  },
  "the push in the inbox": {
    lie: (swap) => ({
      async toClient(frame) {
        if (frame.event === "denied") frame.payload = await swap(frame.payload);
      },
    }),
    async arrive({ door, garden, request }) {
      await door.leave();
      await garden.deny(request, { code: "no" });
    },
  },
  "the list": {
    lie: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "phx_join") await swapAll(response.notices, swap);
      },
    }),
    arrive: arriveWhileAway,
  },
  "a further page of it": {
    lie: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "phx_join") Object.assign(response, { notices: [], cursors: { notices: "more" } });
        if (answers === "notices") await swapAll(response.items, swap);
      },
      toServer({ event, payload }) {
        if (event === "notices") delete payload.cursor;
      },
    }),
    arrive: arriveWhileAway,
  },
};

async function arriveWhileAway({ bob, garden, request }) {
  await bob.client.disconnect();
  await garden.deny(request, { code: "no" });
  await bob.connect();
}

async function swapAll(items, swap) {
  for (const index of items.keys()) items[index] = await swap(items[index]);
}

/**
 * In each of the places: with the swap Bob is warned and goes on waiting, and takes Alice's approve.
 *
 * @param {(notice: any, scene: object) => any} swap
 * @param {string} [detail]
 */
async function isNoticed(swap, detail = "the room's signature is invalid") {
  await Promise.all(Object.entries(PLACES).map(async ([name, { lie, arrive }]) => {
    const scene = await begin();
    const { bob, garden, rid, roomKey, told } = scene;
    const stop = stage.server.lie(lie((notice) => swap({ ...notice }, scene)), bob.uid);
    await arrive(scene);
    await until(`${name}: Bob is warned`, () => bob.warnings.length > 0);
    assert.deepEqual([...new Set(bob.warnings)], [`bad_denial: ${detail}`], name);
    assert.deepEqual([told, bob.storage.get(`room/${rid}/denied`)], [[], null], name);
    assert.notEqual(bob.storage.get(`room/${rid}/request`), null, name);
    stop();
    const [{ requests }] = await garden.denials();
    await requests[0].approve();
    await until(`${name}: Bob has the key`, () => bob.keyOf(rid));
    assert.equal(bob.keyOf(rid).private, Buffer.from(roomKey.private).toString("base64url"), name);
  }));
}

/** @param {object} fields */
const set = (fields) => (notice) => Object.assign(notice, fields);

test("a denial as it is", TIMEOUT, async () => {
  const { alice, bob, garden, request, key, ended, told } = await begin();
  await garden.deny(request, { code: "no" });
  await assert.rejects(within("Bob is told", key), { reason: "denied", code: "no", block: false, by: alice.uid });
  await until("so is the application", () => told.length > 0);
  assert.deepEqual([told, ended, bob.warnings], [["denied"], ["denied"], []]);
});

test("a denial without a signature", TIMEOUT, () => isNoticed(set({ room_sig: undefined }), "malformed"));

test("a denial with another signature", TIMEOUT, () => {
  return isNoticed((notice) => ({ ...notice, room_sig: other(notice.room_sig) }));
});

test("a denial that the server's own user has signed", TIMEOUT, async () => {
  const { uid, key } = await mallory();
  await isNoticed(async (notice, { bob }) => {
    const own = { ...notice, by: uid, to: bob.uid };
    return { ...own, room_sig: await signFields("deny", own, key) };
  });
});

test("a denial with another code", TIMEOUT, () => isNoticed(set({ code: "go away" })));

test("a denial that blocks", TIMEOUT, () => isNoticed(set({ block: true })));

test("a denial by somebody else", TIMEOUT, async () => {
  const { uid } = await mallory();
  await isNoticed(set({ by: uid }));
});

test("a denial of somebody else's request", TIMEOUT, async () => {
  const { bob, garden, rid } = await begin();
  const stranger = await stage.somebody().connect();
  await (await stranger.client.openRoom(rid)).ask();
  const theirs = () => garden.pending.find(({ uid }) => uid === stranger.uid);
  await garden.deny(await until("Alice is shown it", theirs), { code: "no" });
  const isTheirs = ({ rid: room }) => room === rid;
  const denial = await until("it is told", () => stage.server.heard("denied").find(isTheirs));
  const { requestId } = garden.pending[0];
  stage.server.push(bob.uid, `room:${rid}`, "denied", { ...denial, request_id: requestId });
  await until("Bob is warned", () => bob.warnings.length > 0);
  assert.deepEqual(bob.warnings, ["bad_denial: the room's signature is invalid"]);
});

test("a denial in Alice's name where the room's card is kept from Bob", TIMEOUT, async () => {
  const { alice, garden, rid, roomKey } = await stage.room();
  const bob = await stage.somebody().connect();
  const stop = stage.server.lie({
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join") delete response.card;
    },
  }, bob.uid);
  const door = await bob.client.openRoom(rid);
  const { requestId } = await door.ask();
  const denial = { rid, request_id: requestId, to: bob.uid, by: alice.uid, code: "go away", block: true };
  const room_sig = await signFields("deny", denial, await SigningKey.generate());
  stage.server.push(bob.uid, `room:${rid}`, "denied", { ...denial, room_sig, event: "denied", seq: 1, at: Date.now() });
  await until("Bob is warned", () => bob.warnings.length > 0);
  assert.deepEqual(bob.warnings, ["bad_denial: the room's key is unknown"]);
  stop();
  const key = door.whenKey();
  await (await until("Alice is shown it", () => garden.pending[0])).approve();
  assert.deepEqual((await within("Bob has the key", key)).private, roomKey.private);
});

/** These cannot be told from true ones: they end the waiting, and never the box. */
for (const event of ["expired", "withdrawn"]) {
  const tell = ({ bob, rid, asked }) => {
    const notice = { rid, request_id: asked.requestId, seq: 1, at: Date.now(), event };
    stage.server.push(bob.uid, `room:${rid}`, event, notice);
  };

  test(`a request that is said to be ${event} costs a second one`, TIMEOUT, async () => {
    const scene = await begin();
    const { bob, garden, rid, roomKey, door, asked, key } = scene;
    tell(scene);
    await assert.rejects(within("Bob is told", key), { reason: event });
    assert.deepEqual([bob.keyOf(rid), stage.server.said(bob.uid, "ack")], [null, []]);
    const again = door.requestKey();
    const isNew = ({ requestId }) => requestId !== asked.requestId;
    await (await until("Alice is shown the second one", () => garden.pending.find(isNew))).approve();
    assert.deepEqual((await within("Bob has the key", again)).private, roomKey.private);
  });

  test(`a request said to be ${event} is approved all the same`, TIMEOUT, async () => {
    const scene = await begin();
    const { bob, rid, roomKey, request, key } = scene;
    tell(scene);
    await assert.rejects(within("Bob is told", key), { reason: event });
    // All that he knows from here on is what is stored.
    await bob.comeBack();
    await request.approve();
    await until("Bob has the key", () => bob.keyOf(rid));
    assert.equal(bob.keyOf(rid).private, Buffer.from(roomKey.private).toString("base64url"));
    await until("he says so", () => stage.server.said(bob.uid, "ack").length > 0);
    assert.deepEqual(bob.warnings, []);
  });
}

/** What a repeated request is answered, when the server has it as it was. */
const ANSWERS = [
  { status: "ok", response: { state: "expired" } },
  { status: "ok", response: { state: "withdrawn" } },
  { status: "error", response: { reason: "expired" } },
  { status: "error", response: { reason: "blocked" } },
];

for (const { status, response } of ANSWERS) {
  const said = response.state ?? `an error of ${response.reason}`;
  test(`a repeated request that is answered ${said} keeps its box`, TIMEOUT, async () => {
    const { bob, rid, roomKey, request } = await begin();
    await bob.client.disconnect();
    const stop = stage.server.lie({
      toClient(frame) {
        if (frame.answers === "phx_join") frame.payload.response.mine = [];
        if (frame.answers === "request") frame.payload = { status, response };
      },
    });
    await bob.connect();
    await bob.client.openRoom(rid);
    await until("it is ended", () => bob.storage.get(`room/${rid}/request`) === null);
    stop();
    await request.approve();
    await until("Bob has the key", () => bob.keyOf(rid));
    assert.equal(bob.keyOf(rid).private, Buffer.from(roomKey.private).toString("base64url"));
  });
}

test("a false receipt sends nothing to anybody but who was approved, and Bob gets the key", TIMEOUT, async () => {
  const { alice, bob, garden, rid, roomKey, request, key } = await begin();
  const stop = stage.server.lie({ toClient: ({ event }) => event !== "approve" }, bob.uid);
  const receipts = [];
  garden.onReceipt(({ result }) => receipts.push(result));
  await request.approve();
  const [first] = stage.server.said(alice.uid, "approve");
  const { approve_id, request_id, to } = first;
  const receipt = { rid, approve_id, request_id, to, event: "receipt", seq: 1, at: Date.now() };
  stage.server.push(alice.uid, `room:${rid}`, "receipt", { ...receipt, result: "nacked", code: "wrong_key" });
  await until("Alice is asked again", () => garden.pending.some(({ nacks }) => nacks === 1));
  stop();
  // Another approve of hers would be one too many for the server, which holds the first: Bob comes back for that.
  await garden.pending[0].approve().catch(({ reason }) => assert.equal(reason, "slots_full"));
  for (const said of stage.server.said(alice.uid, "approve")) assert.deepEqual([said.to, said.box], [to, first.box]);
  key.catch(() => {});
  await bob.comeBack();
  const again = (await bob.client.openRoom(rid)).whenKey();
  assert.deepEqual((await within("Bob has the key", again)).private, roomKey.private);
  assert.deepEqual(receipts[0], "nacked");
});

test("a false request_gone hides a request until the next join, and approves nothing", TIMEOUT, async () => {
  const { alice, bob, garden, rid, roomKey, request, key } = await begin();
  const gone = { rid, uid: bob.uid, request_id: request.requestId, state: "done", seq: 1 };
  stage.server.push(alice.uid, `room:${rid}`, "request_gone", gone);
  await until("it is hidden", () => garden.pending.length === 0);
  assert.deepEqual(stage.server.said(alice.uid, "approve"), []);
  await garden.leave();
  const back = await alice.client.openRoom(rid);
  await (await until("Alice is shown it", () => back.pending[0])).approve();
  assert.deepEqual((await within("Bob has the key", key)).private, roomKey.private);
});
