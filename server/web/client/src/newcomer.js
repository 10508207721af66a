/**
 * The newcomer's side of one room: ask for its key, take it when it comes, wherever it comes.
 *
 * The order is the point. The box's private key is stored before the request leaves, so no approve can come for a
 * box that a crash has lost; the room key is stored before the ack, which makes the server delete it.
 */
import { openApprove } from "./checks.js";
import { randomId, toBase64url } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { fingerprintOf } from "./ids.js";
import { BOX_ALG, BoxKey } from "./sealing.js";
import { signFields } from "./signed.js";

/** Answers that leave nothing to repeat: the same frame would be refused again. */
const REFUSED = new Set(["unknown_room", "id_conflict", "expired", "bad_sig", "bad_payload", "too_large"]);

/** States of a request that nobody can approve any more. */
const FINISHED = new Set(["done", "withdrawn", "expired"]);

/**
 * A request that the server has stored.
 *
 * @typedef {object} Asked
 * @property {string} requestId
 * @property {string} fingerprint of this user and the box, to read to the person who approves
 * @property {number} exp
 */

/** Asks for one room's key. */
export class Newcomer {
  #context;
  #rid;
  /** @type {Promise<Asked> | null} */
  #asking = null;
  /** Approves are handled one at a time, since the same one may come over two topics. */
  #turn = Promise.resolve();
  #acked = new Set();
  /** Whether this run took an approve; what is left to do about it then is underway. */
  #taken = false;
  #waiters = new Set();
  #onKey = () => {};

  /**
   * @param {import("./topic.js").Context} context
   * @param {string} rid
   */
  constructor(context, rid) {
    this.#context = context;
    this.#rid = rid;
  }

  /** @param {() => void} handler called when the room key has been saved */
  onKey(handler) {
    this.#onKey = handler;
  }

  /**
   * Asks, or goes on asking: an open request is repeated as it is, whatever the options say.
   *
   * @param {import("./courier.js").Courier} courier
   * @param {object} options
   * @param {string} [options.note]
   * @param {number} options.ttl in ms
   * @returns {Promise<Asked>}
   */
  ask(courier, options) {
    this.#asking ??= this.#ask(courier, options).catch((error) => {
      this.#asking = null;
      throw error;
    });
    return this.#asking;
  }

  /** @returns {Promise<import("./keys.js").SigningKey>} the room key: at once if it is here, else when it comes */
  whenKey() {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.add(waiter);
      const found = (key) => key && this.#waiters.delete(waiter) && resolve(key);
      this.#context.records.roomKey(this.#rid).then(found, reject);
    });
  }

  /**
   * Takes the request back.
   *
   * @param {import("./courier.js").Courier} courier
   * @returns {Promise<void>}
   */
  async withdraw(courier) {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    if (!open) return;
    await records.saveOpenRequest(this.#rid, { ...open, withdrawn: true });
    this.#settle("reject", new VestibuleError("withdrawn"));
    await this.#sayWithdrawn(courier, open);
  }

  /**
   * After a join: what an earlier run of this client, or an earlier connection, did not get done.
   *
   * @param {import("./courier.js").Courier} courier
   * @param {{mine: any[], approves: any[], more: boolean}} reply of the join
   * @param {{ttl: number}} options
   * @returns {Promise<void>}
   */
  async resume(courier, { mine, approves, more }, options) {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    if (!open) return;
    const isMine = ({ request_id }) => request_id === open.request_id;
    if (open.withdrawn) {
      await this.#sayWithdrawn(courier, open);
    } else if (await records.roomKey(this.#rid)) {
      // Saved by an earlier run, and nothing left to ack: the ack had arrived, only its answer had not.
      if (!this.#taken && !more && !approves.some(isMine)) await records.deleteOpenRequest(this.#rid);
    } else if (open.frame.exp <= Date.now()) {
      await records.deleteOpenRequest(this.#rid);
      this.#settle("reject", new VestibuleError("expired"));
    } else if (!mine.some(isMine)) {
      await this.ask(courier, options);
    }
  }

  /**
   * Takes an approve from the wire. A bad one is warned of and never acked.
   *
   * @param {any} approve
   * @param {(approveId: string) => Promise<any>} ack over the topic that it came by
   * @returns {Promise<void>}
   */
  receive(approve, ack) {
    this.#turn = this.#turn.then(() => this.#receive(approve, ack)).catch((error) => this.#context.warn(error));
    return this.#turn;
  }

  /** @param {VestibuleError} error what everybody who waits for the key is told */
  end(error) {
    this.#settle("reject", error);
  }

  async #receive(approve, ack) {
    const { records, uid } = this.#context;
    if (this.#acked.has(approve.approve_id)) return;
    const open = await records.openRequest(this.#rid);
    // Not asked for, or not any more: a second approver was quick, or the request is withdrawn.
    if (!open || open.withdrawn) return;

    const box = await BoxKey.fromStored(open.box);
    const key = await openApprove(approve, { rid: this.#rid, request_id: open.request_id, uid, box });
    this.#taken = true;
    await records.saveRoomKey(this.#rid, key);
    this.#onKey();
    try {
      await ack(approve.approve_id);
      this.#acked.add(approve.approve_id);
      await records.deleteOpenRequest(this.#rid);
    } catch (error) {
      if (error.reason === "disconnected") throw error;
      // The key is here and stays. The server goes on offering the approve, and the ack is said at the next join.
      this.#context.warn(error);
    }
    this.#settle("resolve", key);
  }

  async #ask(courier, options) {
    const { records } = this.#context;
    let open = await records.openRequest(this.#rid);
    if (open?.withdrawn) {
      await this.#sayWithdrawn(courier, open);
      open = null;
    }
    if (!open || open.frame.exp <= Date.now()) open = await this.#write(options);
    const { state } = await this.#say(courier, open);
    if (FINISHED.has(state) && (await this.#stillWants(open))) {
      // The server has seen this request end and the storage has not: it was restored from a copy.
      open = await this.#write(options);
      await this.#say(courier, open);
    }
    const box = await BoxKey.fromStored(open.box);
    const fingerprint = await fingerprintOf(this.#context.uid, box.id);
    return { requestId: open.request_id, fingerprint, exp: open.frame.exp };
  }

  /** The answer may have been overtaken by the key, or by a withdrawal: then the request's end is no news. */
  async #stillWants({ request_id }) {
    const { records } = this.#context;
    const open = await records.openRequest(this.#rid);
    return open?.request_id === request_id && !open.withdrawn && !(await records.roomKey(this.#rid));
  }

  /** @param {{note?: string, ttl: number}} options */
  async #write({ note, ttl }) {
    const { records, user, uid } = this.#context;
    const box = await BoxKey.generate();
    const request_id = randomId();
    const frame = {
      request_id,
      sign_pub: toBase64url(user.pub),
      sign_alg: user.alg,
      box_pub: toBase64url(box.pub),
      box_alg: BOX_ALG,
      exp: Date.now() + ttl,
    };
    if (note) frame.note = note;
    frame.sig = await signFields("request", { ...frame, rid: this.#rid, uid }, user);
    const open = { request_id, frame, box: box.toStored() };
    await records.saveOpenRequest(this.#rid, open);
    return open;
  }

  async #say(courier, open) {
    try {
      return await courier.send("request", open.frame);
    } catch (error) {
      if (REFUSED.has(error.reason)) await this.#context.records.deleteOpenRequest(this.#rid);
      throw error;
    }
  }

  async #sayWithdrawn(courier, { request_id }) {
    await courier.send("withdraw", { request_id });
    await this.#context.records.deleteOpenRequest(this.#rid);
  }

  #settle(how, value) {
    this.#asking = null;
    for (const waiter of this.#waiters) waiter[how](value);
    this.#waiters.clear();
  }
}
