import assert from "node:assert/strict";
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, test } from "vitest";
import WebSocket from "ws";
import { toBase64url } from "../src/bytes.js";
import { Cards, cardFrame } from "../src/cards.js";
import { Vestibule } from "../src/client.js";
import { SigningKey } from "../src/keys.js";
import { MemoryStorage } from "../src/storage.js";
import { FakeServer } from "./fake-server.js";
import { makeApprove, makeContext, makeDenial, makeRequest, makeRoom, makeUser, until } from "./support.js";

const [alice, bob, room] = await Promise.all([makeUser(), makeUser(), makeRoom()]);
const topic = `room:${room.rid}`;

let server;
let clients;
beforeEach(async () => {
  server = await FakeServer.begin();
  clients = [];
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.disconnect()));
  server.end();
});

async function connect({ user = alice, storage = new MemoryStorage(), member = false, ...options } = {}) {
  if (member) await makeContext(user, storage).records.saveRoomKey(room.rid, room.key);
  const warnings = [];
  // The time-out as well: phoenix.js keeps a timer for each unanswered push, which would keep the
  // test's process alive.
  const socketOptions = { reconnectAfterMs: () => 10, rejoinAfterMs: () => 10, timeout: 1000 };
  const onWarning = ({ reason }) => warnings.push(reason);
  const all = { storage, user: user.key, transport: WebSocket, socketOptions, onWarning, ...options };
  const client = await Vestibule.connect(server.url, all);
  clients.push(client);
  return { client, storage, warnings };
}

/** The first and the second version of the room's card. */
async function makeCards(policy = "open") {
  const context = makeContext(alice);
  await context.records.saveRoomKey(room.rid, room.key);
  const cards = new Cards(context, room.rid);
  const first = await cards.write({ policy });
  await cards.take(first);
  return [first, await cards.write({ policy: "request" })];
}

/** A server that accepts connections and never responds. */
const mute = createServer();
beforeAll(() => new Promise((resolve) => mute.listen(0, "127.0.0.1", resolve)));
afterAll(() => mute.close());

test("connecting fails in time if there is no server", async () => {
  const storage = new MemoryStorage();
  const refused = Vestibule.connect("http://127.0.0.1:1", { storage, transport: WebSocket });
  await assert.rejects(refused, { reason: "unreachable", detail: "no answer from http://127.0.0.1:1" });

  const url = `http://127.0.0.1:${mute.address().port}`;
  const unanswered = Vestibule.connect(url, { storage, transport: WebSocket, timeout: 50 });
  await assert.rejects(unanswered, { reason: "unreachable", detail: `no answer from ${url} within 50 ms` });

  server.opens = false;
  const halfWay = Vestibule.connect(server.url, { storage, transport: WebSocket, timeout: 50 });
  await assert.rejects(halfWay, { reason: "unreachable", detail: `no answer from ${server.url} within 50 ms` });
});

test("a user can have two devices, a storage only one user", async () => {
  const key = await SigningKey.generate("secp256k1");
  const devices = [];
  for (const storage of [new MemoryStorage(), new MemoryStorage()]) {
    const { client } = await connect({ user: { key }, storage });
    devices.push([client.uid, server.received("phx_join", `user:${client.uid}`).at(-1).device]);
    await assert.rejects(connect({ user: bob, storage }), { reason: "bad_storage" });
  }
  const [[uid, device], [sameUid, otherDevice]] = devices;
  assert.equal(uid, sameUid);
  assert.notEqual(device, otherDevice);
});

test("every join sends the device and the last position", async () => {
  const { client, storage } = await connect();
  const inbox = `user:${client.uid}`;
  const { device } = server.received("phx_join", inbox)[0];
  assert.match(device, /^[A-Za-z0-9_-]{22}$/);
  const notice = { event: "receipt", rid: room.rid, request_id: "r", approve_id: "a", to: bob.uid, result: "saved" };
  const told = new Promise((resolve) => client.onNotice(resolve));
  server.push(inbox, "receipt", { ...notice, seq: 5, at: 0 });
  assert.equal((await told).result, "saved");
  await until(async () => (await storage.get("seen")) === '{"epoch":"one","seq":5}');
  server.hangUp();
  await until(() => server.received("phx_join", inbox).length === 2);
  assert.deepEqual(server.received("phx_join", inbox)[1], { v: 1, device, last: { epoch: "one", seq: 5 } });
});

test("approves and card are sent again after a restore", async () => {
  const { item } = await makeRequest(room, bob);
  const [card] = await makeCards();
  server.answers = { phx_join: { card }, prove: { pending: [item] }, approve: { state: "approved" } };
  const { client, warnings } = await connect({ member: true });
  const garden = await client.openRoom(room.rid);
  await until(() => garden.pending.length === 1);
  await garden.pending[0].approve();

  server.answers = { phx_join: { epoch: "two" }, approve: { state: "approved" } };
  server.hangUp();
  await until(() => server.received("approve").length === 2 && server.received("card").length === 1);
  assert.deepEqual(server.received("approve")[1], server.received("approve")[0]);
  assert.deepEqual(server.received("card")[0], cardFrame(card));
  assert.deepEqual(warnings, []);
});

test("a newcomer outlasts a restore that lost the room", async () => {
  server.answers = { request: { state: "pending" } };
  const { client, warnings } = await connect({ user: bob });
  const door = await client.openRoom(room.rid);
  const key = door.requestKey();
  await until(() => server.received("request").length === 1);
  server.answers = { phx_join: { epoch: "two" }, request: { error: { reason: "unknown_room" } } };
  for (const times of [2, 3]) {
    server.hangUp();
    await until(() => server.received("request").length === times && warnings.length === times - 1);
  }
  assert.deepEqual(warnings, ["unknown_room", "unknown_room"]);
  server.answers.request = { state: "pending" };
  server.hangUp();
  await until(() => server.received("request").length === 4);
  const [first, ...again] = server.received("request");
  assert.deepEqual(again, [first, first, first]);
  const approve = await makeApprove(room, alice, { ...first, rid: room.rid, uid: bob.uid });
  server.push(topic, "approve", { ...approve, attempt: 1 });
  assert.ok((await key).equals(room.key));
});

test("an older card is refused and a newer one reported", async () => {
  const [first, second] = await makeCards();
  server.answers = { phx_join: { card: second } };
  const { client, storage, warnings } = await connect();
  const door = await client.openRoom(room.rid);
  assert.equal(door.card.version, 2);
  await door.leave();

  server.answers = { phx_join: { card: first } };
  const again = await client.openRoom(room.rid);
  assert.equal(again.card.version, 2);
  assert.deepEqual(warnings, ["card_downgrade"]);
  await storage.delete(`room/${room.rid}/card`);
  await again.leave();
  const third = await client.openRoom(room.rid);
  assert.equal(third.card.version, 1);
  const told = new Promise((resolve) => third.onCard(resolve));
  server.push(topic, "card", second);
  assert.deepEqual(await told, second);
  assert.equal(third.card.version, 2);
});

test("requests are approved automatically once the room opens", async () => {
  const { item } = await makeRequest(room, bob);
  const [open] = await makeCards();
  server.answers = { prove: { pending: [item], after_ms: 1 }, approve: { state: "approved" } };
  const { client } = await connect({ member: true });
  const garden = await client.openRoom(room.rid);
  const stop = garden.autoApprove();
  await until(() => garden.pending.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(server.received("approve"), []);
  server.push(topic, "card", open);
  await until(() => server.received("approve").length === 1);
  stop();
  server.push(topic, "request", { ...(await makeRequest(room, bob)).item, after_ms: 0 });
  await until(() => garden.pending.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(server.received("approve").length, 1);
});

test("the creator is reported and can hand the room over", async () => {
  const nonce = toBase64url(new Uint8Array(16).fill(7));
  server.answers = { phx_join: { nonce, features: ["creator", "hand_over"] }, prove: { creator: alice.uid } };
  const { client } = await connect({ member: true });
  const garden = await client.openRoom(room.rid);
  assert.deepEqual([garden.creator, garden.isCreator], [alice.uid, true]);
  await garden.handOver(bob.uid);
  assert.deepEqual(server.received("hand_over").map(({ to, nonce: signed }) => [to, signed]), [[bob.uid, nonce]]);
  assert.equal(garden.isCreator, false);
  const told = new Promise((resolve) => garden.onCreator(resolve));
  server.push(topic, "creator_changed", { rid: room.rid, creator: alice.uid, seq: 9 });
  assert.equal(await told, alice.uid);
  assert.equal(garden.creator, alice.uid);

  const { client: guest } = await connect({ user: bob });
  await assert.rejects((await guest.openRoom(room.rid)).handOver(alice.uid), { reason: "not_member" });
});

test("a denial rejects the wait and can be overruled", async () => {
  const [card] = await makeCards("request");
  server.answers = { phx_join: { card }, request: { state: "pending" } };
  const { client, warnings } = await connect({ user: bob });
  const door = await client.openRoom(room.rid);
  const notices = [];
  client.onNotice(({ event, code }) => notices.push([event, code]));
  const waiting = door.requestKey();
  waiting.catch(() => {});
  await until(() => server.received("request").length === 1);
  const asked = { ...server.received("request")[0], rid: room.rid, uid: bob.uid };
  server.push(topic, "denied", await makeDenial(room, alice, asked));
  await assert.rejects(waiting, { name: "DeniedError", code: "not_now", block: false, by: alice.uid });

  server.answers.request = { error: { reason: "cooldown", retry_ms: 1000 } };
  await assert.rejects(door.ask(), { reason: "cooldown", retryMs: 1000 });
  const again = door.whenKey();
  // The approve may also arrive over the inbox.
  server.push(`user:${bob.uid}`, "approve", { ...(await makeApprove(room, alice, asked)), attempt: 1 });
  assert.ok((await again).equals(room.key));
  assert.equal(server.received("ack")[0].rid, room.rid);
  assert.deepEqual(notices, [["denied", "not_now"]]);
  assert.deepEqual(warnings, []);
});

test("a bad approve is nacked over the topic that brought it", async () => {
  server.answers = { request: { state: "pending" } };
  const { client, warnings } = await connect({ user: bob });
  const door = await client.openRoom(room.rid);
  await door.ask();
  const asked = { ...server.received("request")[0], rid: room.rid, uid: bob.uid };
  const bad = await makeApprove(room, alice, asked, { ct: toBase64url(new Uint8Array(100)) });
  server.push(topic, "approve", { ...bad, attempt: 1 });
  await until(() => server.received("nack", topic).length === 1);
  const { device } = server.received("phx_join", topic)[0];
  assert.deepEqual(server.received("nack", topic)[0], { device, approve_id: bad.approve_id, code: "undecryptable" });
  assert.deepEqual(warnings, ["bad_approve"]);
});

test("a room reports its role and the open request", async () => {
  server.answers = { request: { state: "pending" } };
  const { client, storage } = await connect({ user: bob });
  const door = await client.openRoom(room.rid);
  const roles = [];
  door.onRole((role) => roles.push(role));
  assert.equal(await door.asked(), null);
  const asked = await door.ask();
  assert.deepEqual(await door.asked(), asked);
  await client.disconnect();

  const later = await (await connect({ user: bob, storage })).client.openRoom(room.rid);
  later.onRole((role) => roles.push(role));
  assert.deepEqual(await later.asked(), asked);
  const approve = await makeApprove(room, alice, { ...server.received("request")[0], rid: room.rid, uid: bob.uid });
  server.push(topic, "approve", { ...approve, seq: 2, at: 0, attempt: 1 });
  await until(() => later.role === "member");
  assert.equal(await later.asked(), null);
  server.hangUp();
  await until(() => roles.length === 3);
  assert.deepEqual(roles, ["member", "guest", "member"]);
});

test("members read sealed messages in order", async () => {
  const { client, warnings } = await connect({ member: true });
  const garden = await client.openRoom(room.rid);
  const read = [];
  garden.onSealed("say", (content) => read.push(content));
  for (const text of ["one", "two"]) await garden.sendSealed("say", { text });
  const [one, two] = server.received("say", topic);
  for (const payload of [one, { sealed: "" }, two]) server.push(topic, "say", payload);
  await until(() => read.length === 2 && warnings.length === 1);
  assert.deepEqual([read, warnings], [[{ text: "one" }, { text: "two" }], ["bad_message"]]);

  const { client: stranger } = await connect({ user: bob });
  await assert.rejects((await stranger.openRoom(room.rid)).sendSealed("say", "hello"), { reason: "not_member" });
});

test("nonsense from the server only causes warnings", async () => {
  const { client, warnings } = await connect({ member: true });
  const garden = await client.openRoom(room.rid);
  const inbox = `user:${client.uid}`;
  for (const text of ["", "{", "null", "[]", "{}", "[1,2]", "\u0000", '[null,null,7,8,9]']) server.sendRaw(text);
  const events = [
    "approve", "request", "request_gone", "card", "denied", "expired", "withdrawn", "receipt", "resync", "caught_up",
    "presence_state", "presence_diff", "phx_reply", "phx_error",
  ];
  for (const event of events) {
    for (const payload of [null, 7, "text", [], [null], {}]) {
      server.push(topic, event, payload);
      server.push(inbox, event, payload);
    }
  }
  const asked = new Promise((resolve) => garden.onRequest(resolve));
  const { item } = await makeRequest(room, bob);
  // Later pushes are handled, on whichever join they arrive.
  await until(() => garden.role === "member");
  server.push(topic, "request", item);
  assert.equal((await asked).uid, bob.uid);
  assert.ok(warnings.length > 10, warnings.join());
});

/** Asserts that a call is refused with an error that names its invalid argument. */
async function bad(call, name, reason = "bad_argument") {
  const error = await Promise.resolve().then(call).then(() => assert.fail(`${name} was accepted`), (caught) => caught);
  assert.equal(error.name, "VestibuleError", String(error.stack));
  assert.deepEqual([error.reason, error.detail.startsWith(`\`${name}\` must be `)], [reason, true], error.message);
}

test("an invalid option of connect is named in the error", async () => {
  const options = { storage: new MemoryStorage(), transport: WebSocket };
  for (const url of [undefined, "", "rooms.example", "ftp://rooms.example", {}, 7]) {
    await bad(() => Vestibule.connect(url, options), "url");
  }
  for (const none of [undefined, null, 7]) await bad(() => Vestibule.connect(server.url, none), "options");
  const wrong = {
    storage: {}, alg: "rsa", whenInUse: "steal", user: { alg: "none" }, server: "", transport: "websocket", timeout: -1,
    signal: 7, socketOptions: 7, onWarning: "log",
  };
  await bad(() => Vestibule.connect(server.url, { ...options, timeout: "5000" }), "timeout");
  for (const [name, value] of Object.entries(wrong)) {
    await bad(() => Vestibule.connect(server.url, { ...options, [name]: value }), name);
  }
});

test("an invalid argument of a client is named in the error", async () => {
  const { client } = await connect({ member: true });
  for (const rid of [undefined, "", "nonsense", 7, {}]) await bad(() => client.openRoom(rid), "rid", "bad_room");
  await bad(() => client.createRoom(), "options");
  await bad(() => client.createRoom({}), "policy");
  await bad(() => client.createRoom({ policy: "closed" }), "policy");
  await bad(() => client.createRoom({ policy: "open", name: 7 }), "name");
  await bad(() => client.createRoom({ policy: "open", listed: "yes" }), "listed");
  await bad(() => client.createRoom({ policy: "open", alg: "rsa" }), "alg");
  await bad(() => client.directory(7), "query");
  await bad(() => client.directory({ policy: "secret" }), "policy");
  await bad(() => client.directory({ limit: 0 }), "limit");
  await bad(() => client.onNotice(), "handler");
});

test("an invalid argument of a room is named in the error", async () => {
  const { client } = await connect({ member: true });
  const garden = await client.openRoom(room.rid);
  for (const ttl of [0, -1, 1.5, NaN, Infinity, "1", 3_600_001]) await bad(() => garden.ask({ ttl }), "ttl");
  await bad(() => garden.ask(7), "options");
  await bad(() => garden.ask({ note: 7 }), "note");
  await bad(() => garden.ask({ box: {} }), "box");
  await bad(() => garden.requestKey(null), "options");
  for (const on of ["onRole", "onCard", "onRequest", "onRequestGone", "onReceipt"]) {
    for (const handler of [undefined, null, "print"]) await bad(() => garden[on](handler), "handler");
  }
  for (const on of ["on", "onSealed"]) {
    await bad(() => garden[on]("hello"), "handler");
    await bad(() => garden[on]("", () => {}), "event");
  }
  await bad(() => garden.autoApprove("all"), "wants");
  await bad(() => garden.send(), "event");
  // phoenix.js and the server reserve these: the room would be left, or nobody would get the event.
  for (const event of ["phx_leave", "status", "request", "erased"]) {
    await bad(() => garden.send(event), "event");
    await bad(() => garden.sendSealed(event, {}), "event");
  }
  await bad(() => garden.sendSealed("", {}), "event");
  await bad(() => garden.sendSealed("hello", undefined), "content");
  await bad(() => garden.deny(), "request");
  await bad(() => garden.deny({ requestId: "any" }), "request.uid");
  await bad(() => garden.deny({ requestId: "any", uid: bob.uid }, { code: "x".repeat(65) }), "code");
  await bad(() => garden.unblock("bob"), "uid");
  await bad(() => garden.publishCard({ policy: "closed" }), "policy");
});

test("a note or name that is too long is not sent", async () => {
  const { client } = await connect({ user: bob });
  const door = await client.openRoom(room.rid);
  const note = "\u{1f331}".repeat(280);
  server.answers = { request: { state: "pending" } };
  for (const call of [() => door.ask({ note: `${note}x` }), () => door.requestKey({ note: `${note}x` })]) {
    const detail = "`note` is 281 characters long; the server accepts at most 280";
    await assert.rejects(call(), { reason: "too_large", detail });
  }
  await assert.rejects(client.createRoom({ policy: "open", name: "x".repeat(81) }), {
    reason: "too_large", detail: "`name` is 81 characters long; the server accepts at most 80",
  });
  assert.deepEqual([server.received("request"), server.received("card")], [[], []]);
  await door.ask({ note });
});

test("a text with hidden characters is not sent", async () => {
  server.answers = { request: { state: "pending" } };
  const { client } = await connect({ member: true });
  const garden = await client.openRoom(room.rid);
  const { client: newcomer } = await connect({ user: bob });
  const door = await newcomer.openRoom(room.rid);
  const [name, note] = ["Gar\u00ADden", "It is\nBob"];
  for (const [argument, call] of [
    ["note", () => door.ask({ note })],
    ["code", () => garden.deny({ requestId: "any", uid: bob.uid }, { code: "no\n" })],
    ["name", () => garden.publishCard({ policy: "open", name })],
    ["name", () => client.createRoom({ policy: "open", name, onServer: true })],
  ]) {
    await assert.rejects(call(), ({ reason, detail }) => reason === "bad_payload" && detail.includes(`\`${argument}\``));
  }
  assert.deepEqual([server.received("request"), server.received("card")], [[], []]);
  await door.ask({ note: "👩\u200D👧" });
});

test("guests are refused at once, members wait for the proof", async () => {
  const { client } = await connect({ user: bob });
  const door = await client.openRoom(room.rid);
  for (const call of [
    () => door.send("hello"), () => door.sendSealed("hello", "any"), () => door.unblock(alice.uid), () => door.denials(),
    () => door.deny({ requestId: "any", uid: alice.uid }), () => door.publishCard({ policy: "open" }),
  ]) {
    await assert.rejects(call(), { reason: "not_member" });
  }
  await assert.rejects(door.whenKey(), { reason: "not_asked" });

  const member = await connect({ member: true });
  const garden = await member.client.openRoom(room.rid);
  server.hangUp();
  await until(() => garden.role === "guest");
  await garden.send("hello", { from: "Alice" });
  assert.deepEqual(server.received("hello"), [{ from: "Alice" }]);
});

test("a message above the server's limit is not sent", async () => {
  server.answers = { phx_join: { limits: { note: 280, name: 80, exp_ms: 3_600_000, message: 1000 } } };
  const { client, warnings } = await connect({ member: true });
  const garden = await client.openRoom(room.rid);
  const large = { text: "x".repeat(1000) };
  for (const call of [() => garden.send("say", large), () => garden.sendSealed("say", large)]) {
    await assert.rejects(call(), { reason: "too_large" });
  }
  await assert.rejects(garden.send("say", new ArrayBuffer(1000)), { reason: "too_large" });
  assert.deepEqual(server.received("say"), []);
  await garden.send("say", { text: "x".repeat(900) });
  assert.deepEqual([server.received("say").length, warnings], [1, []]);
});

test("new rooms are unlisted by default", async () => {
  server.answers = { phx_join: { features: ["listed"] } };
  const { client } = await connect();
  for (const listed of [undefined, false, true]) await client.createRoom({ policy: "open", listed });
  assert.deepEqual(server.received("card").map(({ listed }) => listed), [false, false, true]);
  await client.createRoom({ policy: "open", onServer: true }).catch(() => {});
  assert.deepEqual(server.calls.at(-1), { path: "/v1/rooms", body: { alg: "ed25519", policy: "open", listed: false } });
});

test("an erasure is reported once", async () => {
  const { client } = await connect();
  await client.openRoom(room.rid);
  const notices = [];
  client.onNotice((notice) => notices.push(notice));
  for (const name of [topic, `user:${client.uid}`]) server.push(name, "erased", {});
  await until(() => notices.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(notices, [{ event: "erased" }]);
});

test("a join corrects a wrong clock and refusals mention it", async () => {
  server.answers = {
    phx_join: () => ({ now: Date.now() + 3 * 86_400_000 }),
    request: { error: { reason: "bad_payload", detail: "exp" } },
  };
  const { client, warnings } = await connect({ user: bob });
  const door = await client.openRoom(room.rid);
  assert.deepEqual(warnings, ["wrong_clock"]);
  await assert.rejects(door.ask({ ttl: 1000 }), { reason: "bad_payload", detail: /this device's clock shows .* the server's / });
  const [{ exp }] = server.received("request");
  assert.ok(Math.abs(exp - Date.now() - 3 * 86_400_000) < 5000);
});

test("the rooms of a storage are listed without opening them", async () => {
  const { client, storage } = await connect({ member: true });
  assert.deepEqual(await client.rooms(), [{ rid: room.rid, hasKey: true, asked: false }]);
  const made = await client.createRoom({ policy: "request", name: "Garden" });
  const known = { rid: made.rid, hasKey: true, asked: false, policy: "request", name: "Garden" };
  assert.deepEqual((await client.rooms())[1], known);
  await client.disconnect();
  const again = await connect({ storage });
  assert.deepEqual((await again.client.rooms())[1], known);
});
