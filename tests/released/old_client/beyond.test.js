/**
 * Features of the released client beyond the four flows, with itself and with this repository's
 * client.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { PRESENT } from "../../flows/person.js";
import { Server, until, within } from "../../flows/support.js";

/** Alice's client and Bob's. */
const PAIRS = {
  "both have the released client": [Vestibule, Vestibule],
  "Alice has the released client": [Vestibule, PRESENT.Vestibule],
  "Bob has the released client": [PRESENT.Vestibule, Vestibule],
};

let server;
before(async () => (server = await Server.begin()));
after(() => server.end());

for (const [name, [AlicesVestibule, BobsVestibule]] of Object.entries(PAIRS)) {
  describe(name, { timeout: 60_000 }, () => {
    const it = { warnings: [] };
    before(async () => {
      const onWarning = (warning) => it.warnings.push(String(warning));
      const connect = (Client) => {
        return Client.connect(server.url, { storage: new MemoryStorage(), transport: WebSocket, onWarning });
      };
      [it.alice, it.bob] = await Promise.all([connect(AlicesVestibule), connect(BobsVestibule)]);
    });
    after(async () => {
      await Promise.all([it.alice.disconnect(), it.bob.disconnect()]);
      assert.deepEqual(it.warnings, []);
    });

    test("a denial is reported, and an approve overrules it", () => denialIsOverruled(it));
    test("a block lasts until a member lifts it", () => blockLasts(it));
    test("a withdrawn request can be made again", () => withdrawnRequestIsMadeAgain(it));
    test("the approver gets a receipt when the key is saved", () => approverGetsReceipt(it));
    test("requests in an open room are approved automatically", () => openRoomApproves(it));
    test("guests see a new name of the room", () => guestSeesNewName(it));
    test("members rename the room, only the creator sets its policy", () => membersRename(it));
    test("members read each other's sealed messages", () => membersReadSealed(it));
    test("a secret room takes no requests", () => secretRoomRefuses(it));
  });
}

/** A room of Alice's, with Bob as a guest. */
async function begin({ alice, bob }, policy = "request") {
  const garden = await alice.createRoom({ name: "Garden", policy });
  return { garden, door: await bob.openRoom(garden.rid) };
}

async function pendingRequest(garden) {
  const [request] = await until("Alice sees the request", () => garden.pending.length > 0 && garden.pending);
  return request;
}

async function denialIsOverruled(it) {
  const { garden, door } = await begin(it);
  await door.ask({ note: "It is Bob" });
  const denial = { reason: "denied", code: "no", block: false };
  const denied = assert.rejects(within("Bob is told", door.whenKey()), denial);
  await garden.deny(await pendingRequest(garden), { code: "no" });
  await denied;
  await assert.rejects(door.ask(), { reason: "cooldown" });

  const [{ uid, by, code, requests }] = await garden.denials();
  assert.deepEqual([uid, by, code], [it.bob.uid, it.alice.uid, "no"]);
  const key = door.whenKey();
  await requests[0].approve();
  await within("Bob has the key", key);
}

async function blockLasts(it) {
  const { garden, door } = await begin(it);
  await door.ask();
  const blocked = assert.rejects(within("Bob is told", door.whenKey()), { reason: "denied", block: true });
  await garden.deny(await pendingRequest(garden), { code: "no", block: true });
  await blocked;
  await assert.rejects(door.ask(), { reason: "blocked" });

  const key = door.whenKey();
  await garden.unblock(it.bob.uid);
  await (await pendingRequest(garden)).approve();
  await within("Bob has the key", key);
  assert.deepEqual(await garden.denials(), []);
}

async function withdrawnRequestIsMadeAgain(it) {
  const { garden, door } = await begin(it);
  const gone = new Promise((resolve) => garden.onRequestGone(resolve));
  await door.ask({ note: "first" });
  await pendingRequest(garden);
  await door.withdraw();
  assert.equal((await within("Alice is told", gone)).state, "withdrawn");

  garden.onRequest((request) => request.approve());
  await within("Bob has the key", door.requestKey({ note: "second" }));
}

async function approverGetsReceipt(it) {
  const { garden, door } = await begin(it);
  const receipt = new Promise((resolve) => garden.onReceipt(resolve));
  garden.onRequest((request) => request.approve());
  await within("Bob has the key", door.requestKey());
  assert.equal((await within("Alice has the receipt", receipt)).result, "saved");
}

async function openRoomApproves(it) {
  const { garden, door } = await begin(it, "open");
  garden.autoApprove();
  await within("Bob has the key", door.requestKey());
}

async function guestSeesNewName(it) {
  const { garden, door } = await begin(it);
  const card = new Promise((resolve) => door.onCard(({ version, name }) => version > 1 && resolve(name)));
  await garden.publishCard({ name: "Orchard", policy: "request" });
  assert.equal(await within("Bob sees it", card), "Orchard");
}

async function membersRename(it) {
  const { garden, door } = await begin(it);
  garden.onRequest((request) => request.approve());
  await within("Bob has the key", door.requestKey());
  const { name } = await door.publishCard({ name: "Orchard", policy: "request" });
  assert.equal(name, "Orchard");
  await assert.rejects(door.publishCard({ name: "Orchard", policy: "open" }), { reason: "not_creator" });
}

async function membersReadSealed(it) {
  const { garden, door } = await begin(it);
  garden.onRequest((request) => request.approve());
  await within("Bob has the key", door.requestKey());
  await until("Bob is a member", () => door.role === "member");
  const heard = new Promise((resolve) => garden.onSealed("hello", resolve));
  await door.sendSealed("hello", { from: "Bob" });
  assert.deepEqual(await within("Alice hears it", heard), { from: "Bob" });
}

async function secretRoomRefuses(it) {
  const { door } = await begin(it, "secret");
  assert.equal(door.card, null);
  await assert.rejects(door.ask(), { reason: "unknown_room" });
}
