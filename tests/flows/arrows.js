/**
 * The arrows of the four flows, in the seed's words. Each does its step and asserts it, on the wire and on the disk.
 *
 * `scene.disturbed` says that the server is killed somewhere in this run: then what would have come as a push may
 * come as part of a later answer instead, as the protocol wants it.
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

/** The room returns the key: from the server where it made it, else from the device itself. */
export async function aliceStoresTheKey(scene) {
  const { alice, alg, server } = scene;
  scene.aliceSaves.release("before");
  scene.aliceSaves.release("after");
  scene.garden = await within("the room is made", scene.creating);
  scene.rid = scene.garden.rid;
  const stored = await alice.saved(`room/${scene.rid}/key`);
  scene.roomKey = await SigningKey.fromPrivate(stored.alg, fromBase64url(stored.private));
  assert.equal(await ridOf(alg, scene.roomKey.pub), scene.rid);
  assert.equal(alice.wire.said("card").length > 0, !scene.onServer, "the server publishes the card of a room it made");
  const card = await (await fetch(`${server.url}/v1/rooms/${scene.rid}`)).json();
  assert.deepEqual([card.name, card.policy, card.version], ["Garden", "request", 1]);
  listen(scene);
}

function listen(scene) {
  scene.requests = [];
  scene.gone = [];
  scene.garden.onRequest((request) => scene.requests.push(request));
  scene.garden.onRequestGone((gone) => scene.gone.push(gone));
}

export async function aliceBecomesOffline(scene) {
  await scene.alice.goOffline();
}

/** Her client proves the stored key by itself. */
export async function aliceBecomesOnline(scene) {
  await scene.alice.comeOnline();
  scene.garden = await within("Alice is in the room", scene.alice.client.openRoom(scene.rid));
  listen(scene);
}

export async function bobBecomesOnline(scene) {
  await scene.bob.comeOnline();
}

export async function bobAsksKey(scene) {
  const { bob, rid } = scene;
  scene.door = await within("Bob is in the room", bob.client.openRoom(rid));
  scene.bobSaves = bob.stopAt("/key");
  scene.key = scene.door.whenKey();
  scene.key.catch(() => {});
  scene.lose();
  scene.asking = scene.door.ask({ note: "It is Bob" });
  scene.asking.catch(() => {});
  const said = await until("Bob's request is on the wire", () => bob.wire.said("request")[0]);
  const open = await bob.saved(`room/${rid}/request`);
  assert.equal(open.request_id, said.request_id, "the request and its box were saved before");
  assert.equal(open.box.pub, said.box_pub);
}

export async function bobStoresRequest(scene) {
  scene.asked = await within("Bob's request is stored", scene.asking);
  const said = scene.bob.wire.said("request");
  assert.equal(new Set(said.map((frame) => JSON.stringify(frame))).size, 1, "it was repeated unchanged, if at all");
  const [answer] = scene.bob.wire.answered("request");
  assert.equal(answer.request_id, scene.asked.requestId);
  assert.equal(answer.state, "pending");
}

export async function channelSendsRequestToAlice(scene) {
  await aliceSeesRequest(scene);
  if (!scene.disturbed) {
    const pushes = scene.alice.wire.heard("request").map(({ request_id, online }) => [request_id, online]);
    assert.deepEqual(pushes, [[scene.requests[0].requestId, true]]);
  }
}

export async function aliceGetsPendingRequests(scene) {
  await aliceSeesRequest(scene);
  if (!scene.disturbed) {
    const [{ pending }] = scene.alice.wire.answered("prove");
    assert.deepEqual(pending.map(({ request_id }) => request_id), [scene.asked.requestId]);
    assert.deepEqual(scene.alice.wire.heard("request"), []);
  }
}

async function aliceSeesRequest(scene) {
  await until("Alice sees Bob's request", () => scene.requests.length > 0);
  assert.equal(scene.requests.length, 1, "once, however often it was sent");
}

export async function aliceChecksTheRequest(scene) {
  const [request] = scene.requests;
  assert.equal(request.note, "It is Bob");
  assert.equal(request.requestId, scene.asked.requestId);
  assert.equal(request.fingerprint, scene.asked.fingerprint, "the same digits on both screens");
}

export async function aliceSendsKey(scene) {
  const { alice } = scene;
  scene.lose();
  scene.approving = scene.requests[0].approve();
  scene.approving.catch(() => {});
  const said = await until("Alice's approve is on the wire", () => alice.wire.said("approve")[0]);
  const secret = toBase64url(scene.roomKey.private);
  assert.ok(!JSON.stringify(alice.wire.frames).includes(secret), "the key is nowhere on the wire in the clear");
  assert.equal(said.request_id, scene.asked.requestId);
}

export async function aliceStoresApprove(scene) {
  const reply = await within("Alice's approve is stored", scene.approving);
  assert.ok(["approved", "done"].includes(reply.state), reply.state);
  const said = scene.alice.wire.said("approve");
  assert.equal(new Set(said.map((frame) => JSON.stringify(frame))).size, 1, "it was repeated unchanged, if at all");
}

export async function channelDeliversToBob(scene) {
  await scene.bobSaves.reached("before");
  if (!scene.disturbed) assert.equal(scene.bob.wire.heard("approve").length, 1);
}

export async function bobBecomesOffline(scene) {
  scene.door = null;
  await scene.bob.goOffline();
}

/** Bob's client is new: what he asked for is in his storage. The inbox brings the approve, no room is open. */
export async function bobGetsApprovedRequests(scene) {
  scene.bobSaves = await scene.bob.comeOnline("/key");
  await scene.bobSaves.reached("before");
  const [inbox] = scene.bob.wire.answered("phx_join");
  const approves = inbox.approves.map(({ request_id, to }) => [request_id, to]);
  assert.deepEqual(approves, [[scene.asked.requestId, scene.bob.client.uid]]);
}

/** As before, but he looks into the room again, and asks there as if he had forgotten that he had. */
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
  assert.deepEqual(fromBase64url(stored.private), scene.roomKey.private, "byte for byte the key that Alice has");
  assert.deepEqual(scene.bob.wire.said("ack"), [], "saved first, acked then");
}

export async function bobAcksTheKey(scene) {
  scene.lose();
  scene.bobSaves.release("after");
  await until("Bob's ack is on the wire", () => scene.bob.wire.said("ack")[0]);
}

export async function bobDeletesHisRequest(scene) {
  const { bob, rid } = scene;
  const isDeleted = async () => (await bob.saved(`room/${rid}/request`)) === null;
  await until("Bob's request is deleted on his device", isDeleted);
  assert.ok(bob.wire.answered("ack").length > 0, "after the server has deleted it");
  for (const { request_id } of bob.wire.said("request")) assert.equal(request_id, scene.asked.requestId);
  if (scene.door) {
    const key = await within("Bob has the key", scene.key);
    assert.deepEqual(key.private, scene.roomKey.private);
  }
}
