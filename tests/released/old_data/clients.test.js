/**
 * The users of the released folder return with reference clients, on storages in the released
 * client's format.
 */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import WebSocket from "ws";
import { MemoryStorage } from "vestibule-client";
import { PRESENT } from "../../flows/person.js";
import { until, within } from "../../flows/support.js";
import { RELEASED } from "../client.js";
import { ROOM, ReleasedFolder, TRUTH } from "./folder.js";

/** The fields of a sent request. */
const FRAME = ["request_id", "sign_pub", "sign_alg", "box_pub", "box_alg", "note", "exp", "sig"];

/** A storage of a user in {@link TRUTH}, with further values. */
function storageOf(name, kept = {}) {
  const { device, alg, private: secret } = TRUTH.users[name];
  const storage = new MemoryStorage();
  for (const [key, value] of Object.entries({ user: { alg, private: secret }, device, ...kept })) {
    storage.set(key, JSON.stringify(value));
  }
  return storage;
}

/** @returns {string[]} the names of the items' users in {@link TRUTH} */
function namesOf(items) {
  const names = new Map(Object.entries(TRUTH.users).map(([name, { uid }]) => [uid, name]));
  return items.map(({ uid }) => names.get(uid));
}

/**
 * The storage of a newcomer who waits for the key. The server still has the request and returns it.
 */
async function newcomersStorage(server, name) {
  const { user, joined } = await server.newcomer(name);
  await user.disconnect();
  const [item] = joined.mine;
  const frame = Object.fromEntries(FRAME.map((field) => [field, item[field]]));
  const box = { private: TRUTH.users[name].box_private, pub: item.box_pub };
  return storageOf(name, { [`room/${ROOM.rid}/request`]: { request_id: item.request_id, frame, box } });
}

for (const [version, { Vestibule }] of Object.entries({ released: RELEASED, present: PRESENT })) {
  describe(`with the ${version} client`, () => {
    const warnings = [];
    afterEach(() => assert.deepEqual(warnings.splice(0), []));

    const connect = async (server, storage) => {
      const onWarning = (warning) => warnings.push(String(warning));
      const options = { storage, server: TRUTH.server, transport: WebSocket, onWarning };
      return server.hosts(await Vestibule.connect(server.url, options));
    };

    const aliceReturns = async (server) => {
      const { alg, room_key } = ROOM;
      const storage = storageOf("alice", { [`room/${ROOM.rid}/key`]: { alg, private: room_key } });
      const garden = await (await connect(server, storage)).openRoom(ROOM.rid);
      await until("Alice sees the waiting requests", () => garden.pending.length === 3);
      return garden;
    };

    const assertKey = (storage) => {
      assert.equal(JSON.parse(storage.get(`room/${ROOM.rid}/key`)).private, ROOM.room_key);
    };

    test("an approved user gets the key by reconnecting", async (t) => {
      const server = await ReleasedFolder.open(t);
      const storage = await newcomersStorage(server, "approved");
      await connect(server, storage);
      await until("the request is completed", () => storage.get(`room/${ROOM.rid}/request`) === null);
      assertKey(storage);
    });

    for (const name of ["pending", "nacked"]) {
      test(`a ${name} user gets the key once Alice approves`, async (t) => {
        const server = await ReleasedFolder.open(t);
        const garden = await aliceReturns(server);
        const storage = await newcomersStorage(server, name);
        const door = await (await connect(server, storage)).openRoom(ROOM.rid);
        await garden.pending.find(({ uid }) => uid === TRUTH.users[name].uid).approve();
        await within("the key is saved", door.whenKey());
        assertKey(storage);
      });
    }

    test("Alice sees waiting and denied users", async (t) => {
      const garden = await aliceReturns(await ReleasedFolder.open(t));
      assert.deepEqual(namesOf(garden.pending), ["pending", "approved", "nacked"]);
      assert.deepEqual(namesOf(await garden.denials()), ["denied", "blocked"]);
      assert.equal(garden.card.name, "The request room");
    });
  });
}
