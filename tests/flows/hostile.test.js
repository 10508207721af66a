/** What a hostile member does, and what the others do against it: reference clients and the real server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { BoxKey, SigningKey, fromBase64url, signFields } from "vestibule-client/protocol";
import WebSocket from "ws";
import { PlainUser, next, reply } from "./plain.js";
import { Server, until, within } from "./support.js";

let server;
const clients = [];
before(async () => (server = await Server.begin()));
after(async () => {
  await Promise.all(clients.map((client) => client.disconnect()));
  await server.end();
});

async function connect({ storage = new MemoryStorage(), user } = {}) {
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning.reason);
  const client = await Vestibule.connect(server.url, { storage, user, transport: WebSocket, onWarning });
  clients.push(client);
  return { client, storage, warnings };
}

/** Alice's room, which Mallory is a member of. */
async function begin(policy = "request") {
  const alice = await connect();
  const garden = await alice.client.createRoom({ name: "Garden", policy });
  const stored = JSON.parse(alice.storage.get(`room/${garden.rid}/key`));
  const roomKey = await SigningKey.fromPrivate(stored.alg, fromBase64url(stored.private));
  const mallory = await PlainUser.connect(server);
  clients.push(mallory);
  const { channel, joined } = await mallory.join(`room:${garden.rid}`);
  await mallory.prove(channel, joined.nonce, roomKey);

  /** Signed as it should be, and no key of this room. */
  const garbage = async (request) => {
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
    const storage = new MemoryStorage();
    storage.set(`room/${garden.rid}/key`, alice.storage.get(`room/${garden.rid}/key`));
    return (await connect({ storage })).client.openRoom(garden.rid);
  };
  return { alice, garden, roomKey, channel, garbage, deny, member };
}

/** Two devices of Bob that share user and box; the second one is told of the request, and is away. */
async function askTwice({ garden, channel }) {
  const [user, box] = [await SigningKey.generate(), await BoxKey.generate()];
  const first = await connect({ user });
  const second = await connect({ user });
  const requested = next(channel, "request");
  const door = await first.client.openRoom(garden.rid);
  const { requestId } = await door.ask({ box });
  const adopted = await (await second.client.openRoom(garden.rid)).ask({ box });
  assert.equal(adopted.requestId, requestId);
  await second.client.disconnect();
  const comeBack = async () => {
    const back = await connect({ user, storage: second.storage });
    return { ...back, door: await back.client.openRoom(garden.rid) };
  };
  return { first: { ...first, door }, comeBack, request: await requested };
}

/** Alice sees the request with nothing that waits for its newcomer, and approves it. */
async function approve({ garden }, requestId) {
  const isOpen = (request) => request.requestId === requestId && request.approvals === 0;
  const shown = await until("Alice sees it", () => garden.pending.find(isOpen));
  return shown.approve();
}

test("a garbage approve comes first, then Alice's: both devices end with the key", { timeout: 30_000 }, async () => {
  const it = await begin();
  const { first, comeBack, request } = await askTwice(it);
  await it.garbage(request);
  await until("the first device is warned", () => first.warnings.length > 0);
  const key = first.door.whenKey();
  await approve(it, request.request_id);
  assert.deepEqual((await within("the first device has the key", key)).private, it.roomKey.private);
  const second = await comeBack();
  const other = await within("the second device has the key", second.door.whenKey());
  assert.deepEqual(other.private, it.roomKey.private);
  assert.deepEqual([first.warnings, second.warnings], [["bad_approve"], []]);
});

test("a device that has the key acks no garbage, which would starve the other", { timeout: 30_000 }, async () => {
  const it = await begin();
  const { first, comeBack, request } = await askTwice(it);
  // It has the key from elsewhere, and its request is open for the other device's sake.
  first.storage.set(`room/${it.garden.rid}/key`, it.alice.storage.get(`room/${it.garden.rid}/key`));
  const acked = [];
  it.garden.onReceipt(({ result }) => acked.push(result));
  await it.garbage(request);
  await until("the first device is warned", () => first.warnings.length > 0);
  await approve(it, request.request_id);
  await until("Alice's is acked", () => acked.includes("saved"));
  const second = await comeBack();
  const other = await within("the second device has the key", second.door.whenKey());
  assert.deepEqual(other.private, it.roomKey.private);
  assert.deepEqual([first.warnings, second.warnings], [["bad_approve"], []]);
});

test("a hostile member denies, and another one approves all the same", { timeout: 30_000 }, async () => {
  const it = await begin();
  const carol = await it.member();
  const bob = await connect();
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

test("a lifted denial opens the request again, for who approves by themselves too", { timeout: 30_000 }, async () => {
  const it = await begin("open");
  const shown = [];
  it.garden.onRequest(({ requestId }) => shown.push(requestId));
  const bob = await connect();
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

test("of two denied requests, an approve of the one opens the other again", { timeout: 30_000 }, async () => {
  const it = await begin();
  const user = await SigningKey.generate();
  const devices = [];
  for (const note of ["phone", "laptop"]) {
    const requested = next(it.channel, "request");
    const door = await (await connect({ user })).client.openRoom(it.garden.rid);
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

test("reusing a newcomer's id does not hide the newcomer", { timeout: 30_000 }, async () => {
  const it = await begin();
  const bob = await connect();
  const door = await bob.client.openRoom(it.garden.rid);
  const requested = next(it.channel, "request");
  const { requestId } = await door.ask({ note: "It is Bob" });
  await requested;
  await until("Alice sees Bob", () => it.garden.pending.length === 1);

  const account = await PlainUser.connect(server);
  clients.push(account);
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

test("garbage first silences no automatic approver", { timeout: 30_000 }, async () => {
  const it = await begin("open");
  await it.alice.client.disconnect();
  const bob = await connect();
  const requested = next(it.channel, "request");
  await (await bob.client.openRoom(it.garden.rid)).ask();
  const request = await requested;
  await bob.client.disconnect();
  await it.garbage(request);

  // A member who was away, and is not the creator.
  const carol = await it.member();
  const approved = next(it.channel, "request_gone");
  carol.autoApprove();
  assert.equal((await approved).state, "approved");
  const back = await connect({ storage: bob.storage });
  const key = await within("Bob has the key", (await back.client.openRoom(it.garden.rid)).whenKey());
  assert.deepEqual(key.private, it.roomKey.private);
});
