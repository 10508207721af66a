/**
 * The server lies about denials and other endings: forged denials are refused; other lies can only
 * delay a key.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey, signFields } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { HostileFixture, altered, mallory, swapAll, withFields } from "./fixture.js";

const fixture = new HostileFixture();
const TIMEOUT = { timeout: 60_000 };

/** Alice sees Bob's request. */
async function begin(policy) {
  const { alice, garden, rid, roomKey } = await fixture.room(policy);
  const bob = await fixture.somebody().connect();
  const reported = [];
  bob.client.onNotice(({ event }) => reported.push(event));
  const door = await bob.client.openRoom(rid);
  const ended = [];
  const scene = { alice, garden, rid, roomKey, bob, door, reported, ended };
  scene.asked = await door.ask();
  scene.key = door.whenKey();
  scene.key.catch(({ reason }) => ended.push(reason));
  scene.request = await until("Alice sees it", () => garden.pending[0]);
  return scene;
}

/**
 * The paths by which notices deliver: pushes in the room or the inbox, join replies and further
 * pages.
 */
const PATHS = {
  "the push in the room": {
    swapOn: (swap) => ({
      async toClient(frame) {
        if (frame.event === "denied") frame.payload = await swap(frame.payload);
      },
    }),
    deliver: ({ garden, request }) => garden.deny(request, { code: "no" }),
  },
  "the push in the inbox": {
    swapOn: (swap) => ({
      async toClient(frame) {
        if (frame.event === "denied") frame.payload = await swap(frame.payload);
      },
    }),
    async deliver({ door, garden, request }) {
      await door.leave();
      await garden.deny(request, { code: "no" });
    },
  },
  "the list": {
    swapOn: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "phx_join") await swapAll(response.notices, swap);
      },
    }),
    deliver: arriveWhileAway,
  },
  "a further page of it": {
    swapOn: (swap) => ({
      async toClient({ answers, payload: { response } }) {
        if (answers === "phx_join") Object.assign(response, { notices: [], cursors: { notices: "more" } });
        if (answers === "notices") await swapAll(response.items, swap);
      },
      toServer({ event, payload }) {
        if (event === "notices") delete payload.cursor;
      },
    }),
    deliver: arriveWhileAway,
  },
};

async function arriveWhileAway({ bob, garden, request }) {
  await bob.client.disconnect();
  await garden.deny(request, { code: "no" });
  await bob.connect();
}

/**
 * On each path: with the swap Bob is warned, keeps waiting and accepts Alice's approve.
 *
 * @param {(notice: any, scene: object) => any} swap
 * @param {string} [detail]
 */
async function isDetected(swap, detail = "the room's signature is invalid") {
  await Promise.all(Object.entries(PATHS).map(async ([name, { swapOn, deliver }]) => {
    const scene = await begin();
    const { bob, garden, rid, roomKey, reported } = scene;
    const stop = fixture.server.lie(swapOn((notice) => swap({ ...notice }, scene)), bob.uid);
    await deliver(scene);
    await until(`${name}: Bob is warned`, () => bob.warnings.length > 0);
    assert.deepEqual([...new Set(bob.warnings)], [`bad_denial: ${detail}`], name);
    assert.deepEqual([reported, bob.storage.get(`room/${rid}/denied`)], [[], null], name);
    assert.notEqual(bob.storage.get(`room/${rid}/request`), null, name);
    stop();
    const [{ requests }] = await garden.denials();
    await requests[0].approve();
    await until(`${name}: Bob has the key`, () => bob.keyOf(rid));
    assert.equal(bob.keyOf(rid).private, Buffer.from(roomKey.private).toString("base64url"), name);
  }));
}

test("an unchanged denial is accepted", TIMEOUT, async () => {
  const { alice, bob, garden, request, key, ended, reported } = await begin();
  await garden.deny(request, { code: "no" });
  await assert.rejects(within("Bob is reported", key), { reason: "denied", code: "no", block: false, by: alice.uid });
  await until("the application is reported", () => reported.length > 0);
  assert.deepEqual([reported, ended, bob.warnings], [["denied"], ["denied"], []]);
});

test("a denial without a signature is refused", TIMEOUT, () => {
  return isDetected(withFields({ room_sig: undefined }), "malformed");
});

test("a denial with a changed signature is refused", TIMEOUT, () => {
  return isDetected((notice) => ({ ...notice, room_sig: altered(notice.room_sig) }));
});

test("a denial signed by the server's own user is refused", TIMEOUT, async () => {
  const { uid, key } = await mallory();
  await isDetected(async (notice, { bob }) => {
    const own = { ...notice, by: uid, to: bob.uid };
    return { ...own, room_sig: await signFields("deny", own, key) };
  });
});

test("a denial with another code is refused", TIMEOUT, () => isDetected(withFields({ code: "go away" })));

test("a denial changed to a block is refused", TIMEOUT, () => isDetected(withFields({ block: true })));

test("a denial by another uid is refused", TIMEOUT, async () => {
  const { uid } = await mallory();
  await isDetected(withFields({ by: uid }));
});

test("a denial of another user's request is refused", TIMEOUT, async () => {
  const { bob, garden, rid } = await begin();
  const stranger = await fixture.somebody().connect();
  await (await stranger.client.openRoom(rid)).ask();
  const theirs = () => garden.pending.find(({ uid }) => uid === stranger.uid);
  await garden.deny(await until("Alice sees it", theirs), { code: "no" });
  const isTheirs = ({ rid: room }) => room === rid;
  const denial = await until("the denial is pushed", () => fixture.server.pushed("denied").find(isTheirs));
  const { requestId } = garden.pending[0];
  fixture.server.push(bob.uid, `room:${rid}`, "denied", { ...denial, request_id: requestId });
  await until("Bob is warned", () => bob.warnings.length > 0);
  assert.deepEqual(bob.warnings, ["bad_denial: the room's signature is invalid"]);
});

test("a denial cannot be forged by withholding the card", TIMEOUT, async () => {
  const { alice, garden, rid, roomKey } = await fixture.room();
  const bob = await fixture.somebody().connect();
  const stop = fixture.server.lie({
    toClient({ answers, payload: { response } }) {
      if (answers === "phx_join") delete response.card;
    },
  }, bob.uid);
  const door = await bob.client.openRoom(rid);
  const { requestId } = await door.ask();
  const denial = { rid, request_id: requestId, to: bob.uid, by: alice.uid, code: "go away", block: true };
  const room_sig = await signFields("deny", denial, await SigningKey.generate());
  fixture.server.push(bob.uid, `room:${rid}`, "denied", { ...denial, room_sig, event: "denied", seq: 1, at: Date.now() });
  await until("Bob is warned", () => bob.warnings.length > 0);
  assert.deepEqual(bob.warnings, ["bad_denial: the room's key is unknown"]);
  stop();
  const key = door.whenKey();
  await (await until("Alice sees it", () => garden.pending[0])).approve();
  assert.deepEqual((await within("Bob has the key", key)).private, roomKey.private);
});

/** Nobody signs these notices, so forged ones end the wait, but never delete the box. */
for (const event of ["expired", "withdrawn"]) {
  const tell = ({ bob, rid, asked }) => {
    const notice = { rid, request_id: asked.requestId, seq: 1, at: Date.now(), event };
    fixture.server.push(bob.uid, `room:${rid}`, event, notice);
  };

  test(`a request falsely ${event} can be sent again`, TIMEOUT, async () => {
    const scene = await begin();
    const { bob, garden, rid, roomKey, door, asked, key } = scene;
    tell(scene);
    await assert.rejects(within("Bob is reported", key), { reason: event });
    assert.deepEqual([bob.keyOf(rid), fixture.server.sentBy(bob.uid, "ack")], [null, []]);
    const again = door.requestKey();
    const isNew = ({ requestId }) => requestId !== asked.requestId;
    await (await until("Alice sees the second one", () => garden.pending.find(isNew))).approve();
    assert.deepEqual((await within("Bob has the key", again)).private, roomKey.private);
  });

  test(`a request falsely ${event} can still be approved`, TIMEOUT, async () => {
    const scene = await begin();
    const { bob, rid, roomKey, request, key } = scene;
    tell(scene);
    await assert.rejects(within("Bob is reported", key), { reason: event });
    // From now on Bob's client knows only what is stored.
    await bob.restart();
    await request.approve();
    await until("Bob has the key", () => bob.keyOf(rid));
    assert.equal(bob.keyOf(rid).private, Buffer.from(roomKey.private).toString("base64url"));
    await until("Bob acks", () => fixture.server.sentBy(bob.uid, "ack").length > 0);
    assert.deepEqual(bob.warnings, []);
  });
}

/** False replies to a repeated request that is still open. */
const ANSWERS = [
  { status: "ok", response: { state: "expired" } },
  { status: "ok", response: { state: "withdrawn" } },
  { status: "error", response: { reason: "expired" } },
  { status: "error", response: { reason: "blocked" } },
];

for (const { status, response } of ANSWERS) {
  const sent = response.state ?? `an error of ${response.reason}`;
  test(`a repeated request answered ${sent} keeps its box`, TIMEOUT, async () => {
    const { bob, rid, roomKey, request } = await begin();
    await bob.client.disconnect();
    const stop = fixture.server.lie({
      toClient(frame) {
        if (frame.answers === "phx_join") frame.payload.response.mine = [];
        if (frame.answers === "request") frame.payload = { status, response };
      },
    });
    await bob.connect();
    await bob.client.openRoom(rid);
    await until("the request is ended", () => bob.storage.get(`room/${rid}/request`) === null);
    stop();
    await request.approve();
    await until("Bob has the key", () => bob.keyOf(rid));
    assert.equal(bob.keyOf(rid).private, Buffer.from(roomKey.private).toString("base64url"));
  });
}

test("a false receipt redirects no approve", TIMEOUT, async () => {
  const { alice, bob, garden, rid, roomKey, request, key } = await begin();
  const stop = fixture.server.lie({ toClient: ({ event }) => event !== "approve" }, bob.uid);
  const receipts = [];
  garden.onReceipt(({ result }) => receipts.push(result));
  await request.approve();
  const [first] = fixture.server.sentBy(alice.uid, "approve");
  const { approve_id, request_id, to } = first;
  const receipt = { rid, approve_id, request_id, to, event: "receipt", seq: 1, at: Date.now() };
  fixture.server.push(alice.uid, `room:${rid}`, "receipt", { ...receipt, result: "nacked", code: "wrong_key" });
  await until("Alice is asked again", () => garden.pending.some(({ nacks }) => nacks === 1));
  stop();
  // The server still holds Alice's first approve and refuses a second; Bob gets the first one when
  // he reconnects.
  await garden.pending[0].approve().catch(({ reason }) => assert.equal(reason, "slots_full"));
  for (const sent of fixture.server.sentBy(alice.uid, "approve")) assert.deepEqual([sent.to, sent.box], [to, first.box]);
  key.catch(() => {});
  await bob.restart();
  const again = (await bob.client.openRoom(rid)).whenKey();
  assert.deepEqual((await within("Bob has the key", again)).private, roomKey.private);
  assert.deepEqual(receipts[0], "nacked");
});

test("a false request_gone hides a request until the next join", TIMEOUT, async () => {
  const { alice, bob, garden, rid, roomKey, request, key } = await begin();
  const gone = { rid, uid: bob.uid, request_id: request.requestId, state: "done", seq: 1 };
  fixture.server.push(alice.uid, `room:${rid}`, "request_gone", gone);
  await until("the request is hidden", () => garden.pending.length === 0);
  assert.deepEqual(fixture.server.sentBy(alice.uid, "approve"), []);
  await garden.leave();
  const back = await alice.client.openRoom(rid);
  await (await until("Alice sees it", () => back.pending[0])).approve();
  assert.deepEqual((await within("Bob has the key", key)).private, roomKey.private);
});
