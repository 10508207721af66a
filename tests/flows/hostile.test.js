/** Attacks by a hostile member on reference clients with the real server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxKey, SigningKey, fromBase64url, signFields } from "vestibule-client/protocol";
import { Fixture, roomKeyIn, storageOfMember } from "./fixture.js";
import { next, reply } from "./phoenix_user.js";
import { until, within } from "./support.js";

const fixture = new Fixture();

const reasonsOf = ({ warnings }) => warnings.map(({ reason }) => reason);

/** Alice's room, of which Mallory is a member. */
async function begin(policy = "request") {
  const alice = await fixture.connect();
  const garden = await alice.client.createRoom({ name: "Garden", policy });
  const roomKey = await roomKeyIn(alice.storage, garden.rid);
  const mallory = await fixture.connectPhoenix();
  const { channel, joined } = await mallory.join(`room:${garden.rid}`);
  await mallory.prove(channel, joined.nonce, roomKey);

  /** An approve with correct signatures that seals another key. */
  const badApprove = async (request) => {
    const { private: wrong } = await SigningKey.generate();
    const approve = await mallory.approve(request, fromBase64url(request.box_pub), roomKey, wrong);
    return reply(channel.push("approve", approve));
  };
  const deny = async ({ request_id, uid: to }, block = true) => {
    const denial = { request_id, to, code: "no", block };
    const room_sig = await signFields("deny", { ...denial, rid: garden.rid, by: mallory.uid }, roomKey);
    return reply(channel.push("deny", { ...denial, room_sig }));
  };
  const member = async () => {
    const { client } = await fixture.connect({ storage: storageOfMember(alice.storage, garden.rid) });
    return client.openRoom(garden.rid);
  };
  return { alice, garden, roomKey, channel, badApprove, deny, member };
}

/**
 * Two devices of Bob that share user and box. The second one has adopted the first one's request
 * and is offline.
 */
async function askTwice({ garden, channel }) {
  const [user, box] = [await SigningKey.generate(), await BoxKey.generate()];
  const first = await fixture.connect({ user });
  const second = await fixture.connect({ user });
  const requested = next(channel, "request");
  const door = await first.client.openRoom(garden.rid);
  const { requestId } = await door.ask({ box });
  const adopted = await (await second.client.openRoom(garden.rid)).ask({ box });
  assert.equal(adopted.requestId, requestId);
  await second.client.disconnect();
  const reconnect = async () => {
    const back = await fixture.connect({ user, storage: second.storage });
    return { ...back, door: await back.client.openRoom(garden.rid) };
  };
  return { first: { ...first, door }, reconnect, request: await requested };
}

/** Waits until Alice sees the request without a waiting approve, and approves it. */
async function approve({ garden }, requestId) {
  const isOpen = (request) => request.requestId === requestId && request.approvals === 0;
  const shown = await until("Alice sees it", () => garden.pending.find(isOpen));
  return shown.approve();
}

test("both devices get the key despite a bad first approve", { timeout: 30_000 }, async () => {
  const it = await begin();
  const { first, reconnect, request } = await askTwice(it);
  await it.badApprove(request);
  await until("the first device is warned", () => first.warnings.length > 0);
  const key = first.door.whenKey();
  await approve(it, request.request_id);
  assert.deepEqual((await within("the first device has the key", key)).private, it.roomKey.private);
  const second = await reconnect();
  const other = await within("the second device has the key", second.door.whenKey());
  assert.deepEqual(other.private, it.roomKey.private);
  assert.deepEqual([first, second].map(reasonsOf), [["bad_approve"], []]);
});

test("a device that has the key does not ack a bad approve", { timeout: 30_000 }, async () => {
  const it = await begin();
  const { first, reconnect, request } = await askTwice(it);
  // The first device has the key already, and its request stays open for the other one.
  first.storage.set(`room/${it.garden.rid}/key`, it.alice.storage.get(`room/${it.garden.rid}/key`));
  const acked = [];
  it.garden.onReceipt(({ result }) => acked.push(result));
  await it.badApprove(request);
  await until("the first device is warned", () => first.warnings.length > 0);
  await approve(it, request.request_id);
  await until("Alice's is acked", () => acked.includes("saved"));
  const second = await reconnect();
  const other = await within("the second device has the key", second.door.whenKey());
  assert.deepEqual(other.private, it.roomKey.private);
  assert.deepEqual([first, second].map(reasonsOf), [["bad_approve"], []]);
});

test("another member can overrule a hostile denial", { timeout: 30_000 }, async () => {
  const it = await begin();
  const carol = await it.member();
  const bob = await fixture.connect();
  const requested = next(it.channel, "request");
  const door = await bob.client.openRoom(it.garden.rid);
  const key = door.requestKey({ note: "It is Bob" });
  const denied = assert.rejects(within("Bob is told", key), { reason: "denied", block: true });
  const request = await requested;
  await it.deny(request);
  await denied;
  await until("it is gone", () => it.garden.pending.length === 0 && carol.pending.length === 0);
  await assert.rejects(door.ask(), { reason: "blocked" });

  const again = door.whenKey();
  const [denial] = await carol.denials();
  assert.deepEqual([denial.uid, denial.code, denial.block], [bob.client.uid, "no", true]);
  assert.deepEqual(denial.requests.map(({ requestId }) => requestId), [request.request_id]);
  await denial.requests[0].approve();
  assert.deepEqual((await within("Bob has the key", again)).private, it.roomKey.private);
  assert.deepEqual(await carol.denials(), []);
});

test("lifting a denial reopens the request for approvers", { timeout: 30_000 }, async () => {
  const it = await begin("open");
  const shown = [];
  it.garden.onRequest(({ requestId }) => shown.push(requestId));
  const bob = await fixture.connect();
  const requested = next(it.channel, "request");
  const door = await bob.client.openRoom(it.garden.rid);
  const denied = assert.rejects(door.requestKey(), { reason: "denied" });
  const request = await requested;
  await until("Alice is shown it", () => shown.length === 1);
  await it.deny(request);
  await denied;
  await until("it is gone", () => it.garden.pending.length === 0);

  it.garden.autoApprove();
  const key = door.whenKey();
  await it.garden.unblock(bob.client.uid);
  assert.deepEqual((await within("Bob has the key", key)).private, it.roomKey.private);
  assert.deepEqual(shown, [request.request_id, request.request_id]);
});

test("approving one denied request reopens the other", { timeout: 30_000 }, async () => {
  const it = await begin();
  const user = await SigningKey.generate();
  const devices = [];
  for (const note of ["phone", "laptop"]) {
    const requested = next(it.channel, "request");
    const door = await (await fixture.connect({ user })).client.openRoom(it.garden.rid);
    await door.ask({ note });
    const denied = assert.rejects(within("the device is told", door.whenKey()), { reason: "denied" });
    devices.push({ door, denied, request: await requested });
  }
  for (const { request } of devices) await it.deny(request);
  await Promise.all(devices.map(({ denied }) => denied));
  await until("they are gone", () => it.garden.pending.length === 0);

  const keys = devices.map(({ door }) => door.whenKey());
  const [{ requests }] = await it.garden.denials();
  assert.equal(requests.length, 2);
  await requests[0].approve();
  await approve(it, requests[1].requestId);
  for (const key of keys) assert.deepEqual((await within("a device has the key", key)).private, it.roomKey.private);
});

test("a request with a copied id does not hide the original", { timeout: 30_000 }, async () => {
  const it = await begin();
  const bob = await fixture.connect();
  const door = await bob.client.openRoom(it.garden.rid);
  const requested = next(it.channel, "request");
  const { requestId } = await door.ask({ note: "It is Bob" });
  await requested;
  await until("Alice sees Bob", () => it.garden.pending.length === 1);

  const account = await fixture.connectPhoenix();
  const { channel } = await account.join(`room:${it.garden.rid}`);
  const twin = await account.request(it.garden.rid, await BoxKey.generate(), { request_id: requestId });
  await reply(channel.push("request", twin));
  await until("Alice sees both", () => it.garden.pending.length === 2);
  const gone = next(it.channel, "request_gone");
  await reply(channel.push("withdraw", { request_id: requestId }));
  await gone;
  await until("Alice sees one", () => it.garden.pending.length === 1);

  const [request] = it.garden.pending;
  assert.deepEqual([request.uid, request.note], [bob.client.uid, "It is Bob"]);
  const key = door.whenKey();
  await request.approve();
  assert.deepEqual((await within("Bob has the key", key)).private, it.roomKey.private);
  assert.deepEqual(it.alice.warnings, []);
});

test("a bad first approve does not stop automatic approvers", { timeout: 30_000 }, async () => {
  const it = await begin("open");
  await it.alice.client.disconnect();
  const bob = await fixture.connect();
  const requested = next(it.channel, "request");
  await (await bob.client.openRoom(it.garden.rid)).ask();
  const request = await requested;
  await bob.client.disconnect();
  await it.badApprove(request);

  // A member who was offline and is not the creator.
  const carol = await it.member();
  const approved = next(it.channel, "request_gone");
  carol.autoApprove();
  assert.equal((await approved).state, "approved");
  const back = await fixture.connect({ storage: bob.storage });
  const key = await within("Bob has the key", (await back.client.openRoom(it.garden.rid)).whenKey());
  assert.deepEqual(key.private, it.roomKey.private);
});
