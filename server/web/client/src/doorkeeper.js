/**
 * A member's side of one room: who asks for the key, and handing it on.
 */
import { checkRequest } from "./checks.js";
import { randomId, toBase64url } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { BOX_ALG, seal } from "./sealing.js";
import { signFields } from "./signed.js";
import { listed } from "./topic.js";

/** Failures after which the approve stays open: it was not refused, and is repeated at the next join. */
const UNANSWERED = new Set(["disconnected", "storage_full"]);

/** Somebody's request for the room key, checked: it says what its user signed. */
export class JoinRequest {
  #approve;
  #approval = null;

  /**
   * @param {import("./checks.js").CheckedRequest} checked
   * @param {any} item the same as the server sent it, for what it adds by itself
   * @param {() => Promise<any>} approve
   */
  constructor(checked, item, approve) {
    /** @type {string} */
    this.requestId = checked.request_id;
    /** @type {string} */
    this.uid = checked.uid;
    /** @type {string | undefined} the user's own words; nothing vouches for them */
    this.note = checked.note;
    /** @type {string} to be compared with what the newcomer sees, before approving */
    this.fingerprint = checked.fingerprint;
    /** @type {number} */
    this.exp = checked.exp;
    /** @type {number} when the server stored it */
    this.created = item.created;
    /** @type {number} how many approves wait for the newcomer already */
    this.approvals = item.approvals ?? 0;
    /** @type {boolean | undefined} whether the newcomer was in the room when this came; unknown for a listed one */
    this.online = item.online;
    this.#approve = approve;
  }

  /**
   * Seals the room key for the newcomer and sends it, as often as it takes.
   *
   * @returns {Promise<{state: string, seq: number, dup: boolean, others: number}>} the server's answer: it is stored
   */
  approve() {
    this.#approval ??= this.#approve().catch((error) => {
      this.#approval = null;
      throw error;
    });
    return this.#approval;
  }
}

/**
 * @typedef {object} GoneRequest
 * @property {string} requestId
 * @property {string} [uid]
 * @property {"approved" | "done" | "withdrawn" | null} state null where it was gone at the next join
 * @property {string} [by] who approved it
 */

/** Watches one room's requests for its members. */
export class Doorkeeper {
  #context;
  #rid;
  #courier;
  /**
   * By id; `request` is null while it is being checked, and where it is approved by this user already.
   *
   * @type {Map<string, {seq: number, request: JoinRequest | null}>}
   */
  #known = new Map();
  #askers = new Set();
  #goers = new Set();

  /**
   * @param {import("./topic.js").Context} context
   * @param {string} rid
   * @param {import("./courier.js").Courier} courier
   */
  constructor(context, rid, courier) {
    this.#context = context;
    this.#rid = rid;
    this.#courier = courier;
  }

  /**
   * @param {(request: JoinRequest) => unknown} handler called once for each request, those already here included
   * @returns {() => void} stops it
   */
  onRequest(handler) {
    this.#askers.add(handler);
    for (const request of this.requests) this.#call(handler, request);
    return () => this.#askers.delete(handler);
  }

  /**
   * @param {(gone: GoneRequest) => unknown} handler
   * @returns {() => void} stops it
   */
  onRequestGone(handler) {
    this.#goers.add(handler);
    return () => this.#goers.delete(handler);
  }

  /** @returns {JoinRequest[]} the requests that are open now, as far as this client knows */
  get requests() {
    return [...this.#known.values()].flatMap(({ request }) => request ?? []);
  }

  /**
   * After a proof: takes the list of open requests, and drops those that have gone meanwhile.
   *
   * @param {object} proven the reply
   * @param {any[]} proven.pending the first page
   * @param {any} proven.cursor of the next, null where there is none
   * @param {number} proven.seq of the last frame that the list knows of: a later request is no less open for not
   *   being in it
   * @returns {Promise<void>}
   */
  async listed({ pending, cursor, seq }) {
    const open = new Set();
    const take = async (item) => {
      open.add(item.request_id);
      await this.arrived(item);
    };
    for (const item of pending) await take(item);
    if (cursor) for await (const item of listed(this.#courier, "pending", { as: "member", cursor })) await take(item);
    for (const [id, known] of this.#known) {
      if (known.seq <= seq && !open.has(id)) this.gone({ request_id: id, state: null });
    }
  }

  /**
   * @param {any} item a request as it came, live or listed
   * @returns {Promise<void>}
   */
  async arrived(item) {
    const id = item.request_id;
    if (this.#known.has(id)) return;
    const known = { seq: item.seq, request: null };
    this.#known.set(id, known);
    try {
      const checked = await checkRequest(item, this.#rid);
      const sent = await this.#context.records.sentApprove(this.#rid, id);
      // This user has decided already, maybe before a crash: repeat what was not answered, and don't ask again.
      if (sent?.frame) await this.#approve(checked);
      if (sent || !this.#known.has(id)) return;
      known.request = new JoinRequest(checked, item, () => this.#approve(checked));
      for (const handler of this.#askers) this.#call(handler, known.request);
    } catch (error) {
      this.#known.delete(id);
      this.#context.warn(error);
    }
  }

  /** @param {{request_id: string, uid?: string, state: GoneRequest["state"], by?: string}} push */
  gone({ request_id: requestId, uid, state, by }) {
    // An approved one stays open until its newcomer has saved the key.
    if (state !== "approved") this.#known.delete(requestId);
    for (const handler of this.#goers) this.#call(handler, { requestId, uid, state, by });
  }

  async #approve(checked) {
    const { records } = this.#context;
    const { request_id } = checked;
    const sent = await records.sentApprove(this.#rid, request_id);
    const frame = sent?.frame ?? (await this.#write(checked));
    await records.saveSentApprove(this.#rid, request_id, { exp: frame.exp, frame });
    try {
      const reply = await this.#courier.send("approve", frame, { as: "member" });
      await records.saveSentApprove(this.#rid, request_id, { exp: frame.exp });
      return reply;
    } catch (error) {
      if (!UNANSWERED.has(error.reason)) await records.saveSentApprove(this.#rid, request_id, null);
      throw error;
    }
  }

  async #write({ request_id, uid: to, box, boxPub, exp }) {
    const { records, user, uid: by } = this.#context;
    const roomKey = await records.roomKey(this.#rid);
    const context = { rid: this.#rid, request_id, to };
    const ct = toBase64url(await seal(boxPub, context, roomKey.private));
    // It can be of use as long as the request can.
    const signed = { ...context, approve_id: randomId(), by, box, alg: BOX_ALG, ct, exp };
    const [room_sig, user_sig] = await Promise.all([roomKey, user].map((key) => signFields("approve", signed, key)));
    const { rid: _rid, by: _by, ...frame } = signed;
    return { ...frame, sign_pub: toBase64url(user.pub), sign_alg: user.alg, room_sig, user_sig };
  }

  /** Handlers are the application's: what one throws must not stop the others. */
  #call(handler, argument) {
    Promise.resolve()
      .then(() => handler(argument))
      .catch((cause) => this.#context.warn(new VestibuleError("handler_failed", String(cause), { cause })));
  }
}
