/**
 * The steps of the four flows, which are the arrows of their sequence diagrams. Each performs its
 * step and asserts its effect on the wire and on the disk.
 *
 * `scene.disturbed` means that the server is killed during this run. Then a later reply may deliver
 * what would otherwise have been pushed, as the protocol demands.
 */
import assert from "node:assert/strict";
import { fromBase64url, ridOf, SigningKey, toBase64url } from "vestibule-client/protocol";
import { until, within } from "./support.js";

/** @param {import("./flow.js").Scene} scene */
export async function aliceCreatesRoom(scene) {
  const { alice, alg, onServer } = scene;
  scene.aliceSaves = await alice.comeOnline("/key");
  scene.creating = alice.client.createRoom({ name: "Garden", policy: "request", alg, onServer });
  scene.creating.catch(() => {});
  await scene.aliceSaves.reached("before");
}

/** The key comes from the server if it created the room, else from the device itself. */
export async function aliceStoresTheKey(scene) {
  const { alice, alg, server } = scene;
  scene.aliceSaves.release("before");
  scene.aliceSaves.release("after");
  scene.garden = await within("the room is created", scene.creating);
  scene.rid = scene.garden.rid;
  const stored = await alice.saved(`room/${scene.rid}/key`);
  scene.roomKey = await SigningKey.fromPrivate(stored.alg, fromBase64url(stored.private));
  assert.equal(await ridOf(alg, scene.roomKey.pub), scene.rid);
  assert.equal(alice.wire.sent("card").length > 0, !scene.onServer, "the server publishes the card of a room it created");
  const card = await (await fetch(`${server.url}/v1/rooms/${scene.rid}`)).json();
  assert.deepEqual([card.name, card.policy, card.version], ["Garden", "request", 1]);
  recordRequests(scene);
}

function recordRequests(scene) {
  scene.requests = [];
  scene.gone = [];
  scene.garden.onRequest((request) => scene.requests.push(request));
  scene.garden.onRequestGone((gone) => scene.gone.push(gone));
}

export async function aliceGoesOffline(scene) {
  await scene.alice.goOffline();
}

/** Her client proves the stored key automatically. */
export async function aliceComesOnline(scene) {
  await scene.alice.comeOnline();
  scene.garden = await within("Alice is in the room", scene.alice.client.openRoom(scene.rid));
  recordRequests(scene);
}

export async function bobComesOnline(scene) {
  await scene.bob.comeOnline();
}

export async function bobAsksForTheKey(scene) {
  const { bob, rid } = scene;
  scene.door = await within("Bob is in the room", bob.client.openRoom(rid));
  scene.bobSaves = bob.stopAt("/key");
  scene.key = scene.door.whenKey();
  scene.key.catch(() => {});
  scene.lose();
  scene.asking = scene.door.ask({ note: "It is Bob" });
  scene.asking.catch(() => {});
  const sent = await until("Bob's request is on the wire", () => bob.wire.sent("request")[0]);
  const open = await bob.saved(`room/${rid}/request`);
  assert.equal(open.request_id, sent.request_id, "the request and its box were saved first");
  assert.equal(open.box.pub, sent.box_pub);
}

export async function requestIsStored(scene) {
  scene.asked = await within("Bob's request is stored", scene.asking);
  const sent = scene.bob.wire.sent("request");
  assert.equal(new Set(sent.map((frame) => JSON.stringify(frame))).size, 1, "repetitions are identical");
  const [answer] = scene.bob.wire.replies("request");
  assert.equal(answer.request_id, scene.asked.requestId);
  assert.equal(answer.state, "pending");
}

export async function aliceReceivesRequest(scene) {
  await aliceSeesRequest(scene);
  if (!scene.disturbed) {
    const pushes = scene.alice.wire.received("request").map(({ request_id, online }) => [request_id, online]);
    assert.deepEqual(pushes, [[scene.requests[0].requestId, true]]);
  }
}

export async function aliceGetsPendingRequests(scene) {
  await aliceSeesRequest(scene);
  if (!scene.disturbed) {
    const [{ pending }] = scene.alice.wire.replies("prove");
    assert.deepEqual(pending.map(({ request_id }) => request_id), [scene.asked.requestId]);
    assert.deepEqual(scene.alice.wire.received("request"), []);
  }
}

async function aliceSeesRequest(scene) {
  await until("Alice sees Bob's request", () => scene.requests.length > 0);
  assert.equal(scene.requests.length, 1, "shown once, however often it was sent");
}

export async function aliceChecksTheRequest(scene) {
  const [request] = scene.requests;
  assert.equal(request.note, "It is Bob");
  assert.equal(request.requestId, scene.asked.requestId);
  assert.equal(request.fingerprint, scene.asked.fingerprint, "both see the same words");
}

export async function aliceSendsTheKey(scene) {
  const { alice } = scene;
  scene.lose();
  scene.approving = scene.requests[0].approve();
  scene.approving.catch(() => {});
  const sent = await until("Alice's approve is on the wire", () => alice.wire.sent("approve")[0]);
  const secret = toBase64url(scene.roomKey.private);
  assert.ok(!JSON.stringify(alice.wire.frames).includes(secret), "the key never appears on the wire unencrypted");
  assert.equal(sent.request_id, scene.asked.requestId);
}

export async function approveIsStored(scene) {
  const reply = await within("Alice's approve is stored", scene.approving);
  assert.ok(["approved", "done"].includes(reply.state), reply.state);
  const sent = scene.alice.wire.sent("approve");
  assert.equal(new Set(sent.map((frame) => JSON.stringify(frame))).size, 1, "repetitions are identical");
}

export async function bobReceivesApprove(scene) {
  await scene.bobSaves.reached("before");
  if (!scene.disturbed) assert.equal(scene.bob.wire.received("approve").length, 1);
}

export async function bobGoesOffline(scene) {
  scene.door = null;
  await scene.bob.goOffline();
}

/**
 * Bob's client is new and finds the request in his storage. The inbox delivers the approve; no room
 * is open.
 */
export async function bobGetsApprovedRequests(scene) {
  scene.bobSaves = await scene.bob.comeOnline("/key");
  await scene.bobSaves.reached("before");
  const [inbox] = scene.bob.wire.replies("phx_join");
  const approves = inbox.approves.map(({ request_id, to }) => [request_id, to]);
  assert.deepEqual(approves, [[scene.asked.requestId, scene.bob.client.uid]]);
}

/** As before, but Bob opens the room and requests the key again. */
export async function bobGetsApprovedRequestsInTheRoom(scene) {
  await bobGetsApprovedRequests(scene);
  scene.door = await within("Bob is in the room", scene.bob.client.openRoom(scene.rid));
  scene.key = scene.door.requestKey();
  scene.key.catch(() => {});
}

export async function bobSavesTheKey(scene) {
  assert.equal(await scene.bob.saved(`room/${scene.rid}/key`), null);
  scene.bobSaves.release("before");
  await scene.bobSaves.reached("after");
  const stored = await scene.bob.saved(`room/${scene.rid}/key`);
  assert.deepEqual(fromBase64url(stored.private), scene.roomKey.private, "exactly the key that Alice has");
  assert.deepEqual(scene.bob.wire.sent("ack"), [], "saved before it is acked");
}

export async function bobAcksTheKey(scene) {
  scene.lose();
  scene.bobSaves.release("after");
  await until("Bob's ack is on the wire", () => scene.bob.wire.sent("ack")[0]);
}

export async function bobDeletesHisRequest(scene) {
  const { bob, rid } = scene;
  const isDeleted = async () => (await bob.saved(`room/${rid}/request`)) === null;
  await until("Bob's request is deleted on his device", isDeleted);
  assert.ok(bob.wire.replies("ack").length > 0, "the server deletes it first");
  for (const { request_id } of bob.wire.sent("request")) assert.equal(request_id, scene.asked.requestId);
  if (scene.door) {
    const key = await within("Bob has the key", scene.key);
    assert.deepEqual(key.private, scene.roomKey.private);
  }
}
