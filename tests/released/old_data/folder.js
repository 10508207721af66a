/** The folder written by the released server, opened by the server under test. */
import assert from "node:assert/strict";
import { chmod, cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SigningKey } from "vestibule-client/protocol";
import { freePort } from "../../js/process.mjs";
import { PhoenixUser } from "../../flows/phoenix_user.js";
import { Server } from "../../flows/support.js";
import { assertClock, setClock } from "../clock.js";
import { Member, Newcomer } from "./people.js";

/** The files of the released server and its users; see the `README.md` there. */
export const RELEASED = fileURLToPath(new URL("../0.1.0/", import.meta.url));

/** All users' keys, and the state of each request. */
export const TRUTH = JSON.parse(await readFile(join(RELEASED, "truth.json"), "utf8"));

/** The room whose key everybody except Alice and Mallory has requested. */
export const ROOM = TRUTH.rooms.request;

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The token of an operator with read access. */
const ADMIN_TOKEN = "this-operator-may-look-and-no-more";

/** A server on a copy of the released folder. */
export class ReleasedFolder extends Server {
  #guests = [];
  #adminUrl;

  /**
   * @param {import("node:test").TestContext} t ends the server after the test
   * @param {number} [afterMs] the current time, relative to when the folder was written
   * @returns {Promise<ReleasedFolder>} when it listens
   */
  static async open(t, afterMs = HOUR_MS) {
    const env = setClock(Date.parse(TRUTH.made) + afterMs);
    const adminPort = await freePort();
    const server = await this.begin(async (folder) => {
      await copyReleased(join(folder, "server"));
      const tokens = join(folder, "tokens");
      await writeFile(tokens, `tests read ${ADMIN_TOKEN}\n`, { mode: 0o600 });
      return ["--name", TRUTH.server, "--admin-listen", `127.0.0.1:${adminPort}`, "--admin-tokens", tokens];
    }, env);
    t.after(() => server.end());
    server.#adminUrl = `http://127.0.0.1:${adminPort}/admin/v1/`;
    await assertClock(server.url);
    return server;
  }

  /** @returns {string} the server's data folder */
  get data() {
    return join(this.folder, "server");
  }

  /**
   * @param {string} name of a user in {@link TRUTH}
   * @returns {Promise<PhoenixUser>} connected
   */
  async signIn(name) {
    const { uid, device, alg, private: secret } = TRUTH.users[name];
    const key = await SigningKey.fromStored({ alg, private: secret });
    const user = await PhoenixUser.connect(this, "authToken", { key, device, name: TRUTH.server });
    assert.equal(user.uid, uid);
    return this.hosts(user);
  }

  /**
   * @template {{disconnect(): Promise<void>}} Guest
   * @param {Guest} guest to disconnect before the server ends
   * @returns {Guest}
   */
  hosts(guest) {
    this.#guests.push(guest);
    return guest;
  }

  /**
   * @param {string} name of a user who has requested the room's key
   * @returns {Promise<Newcomer>} the newcomer, who has joined the room
   */
  async newcomer(name) {
    const user = await this.signIn(name);
    return new Newcomer(user, TRUTH.users[name], await user.join(`room:${ROOM.rid}`));
  }

  /**
   * @param {{rid: string, alg: string, room_key: string}} [room]
   * @param {string} [name] of a user; default: Alice, who created all rooms
   * @returns {Promise<Member>} the member, who has proven the room's key
   */
  async member({ rid, alg, room_key } = ROOM, name = "alice") {
    const user = await this.signIn(name);
    const key = await SigningKey.fromStored({ alg, private: room_key });
    const { channel, joined } = await user.join(`room:${rid}`);
    return new Member(user, { rid, key }, channel, { joined, proven: await user.prove(channel, joined.nonce, key) });
  }

  /**
   * @param {string} path below `/admin/v1`
   * @returns {Promise<any>} the response for an operator
   */
  async adminGet(path) {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const response = await fetch(this.#adminUrl + path, { headers });
    assert.equal(response.status, 200);
    return response.json();
  }

  /** Ends with SIGTERM, so that libfaketime removes its shared memory. */
  async end() {
    await Promise.all(this.#guests.map((guest) => guest.disconnect()));
    await this.stop();
    await super.end();
  }
}

/** Sets the modes, because Git stores only 0644 and 0755. */
async function copyReleased(folder) {
  await cp(join(RELEASED, "data"), folder, { recursive: true });
  await chmod(folder, 0o700);
  await chmod(join(folder, "secrets"), 0o600);
}
