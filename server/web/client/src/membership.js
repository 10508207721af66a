/**
 * Whether this client is a member of one room. A proof is good for one join, so the stored room key is proven at every
 * join, and a member stays one over reconnects.
 */
import { toBase64url } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { Handlers } from "./handlers.js";
import { signFields } from "./signed.js";

/** @typedef {import("./retry-queue.js").Role} Role */

/** Proves the room key. */
export class Membership {
  #context;
  #rid;
  #queue;
  #onProven;
  /** @type {Role} */
  #role = "guest";
  #onRole;
  /**
   * The last join: its reply, whether it is still the last, and the proof made for it.
   *
   * @type {{reply: any, current: () => boolean, proof: Promise<void> | null} | null}
   */
  #join = null;

  /**
   * @param {import("./context.js").Context} context
   * @param {string} rid
   * @param {import("./retry-queue.js").RetryQueue} queue
   * @param {(proven: any, reply: any) => Promise<void>} onProven is given the answers to the proof and to the join
   */
  constructor(context, rid, queue, onProven) {
    this.#context = context;
    this.#rid = rid;
    this.#queue = queue;
    this.#onProven = onProven;
    this.#onRole = new Handlers(context.warn);
  }

  /** @returns {Role} */
  get role() {
    return this.#role;
  }

  /**
   * @param {(role: Role) => unknown} handler
   * @returns {() => void} stops it
   */
  onRole(handler) {
    return this.#onRole.add(handler);
  }

  /** @returns {string} what a member signs for this very join; throws `not_member` where the key is not proven in it */
  get nonce() {
    if (this.#role !== "member" || !this.#join) {
      throw new VestibuleError("not_member", "only a member who is connected can do this");
    }
    return this.#join.reply.nonce;
  }

  /**
   * @param {any} reply of the join
   * @param {() => boolean} current whether it is still the last
   */
  joined(reply, current) {
    this.#join = { reply, current, proof: null };
  }

  /** The room is left, or the connection is lost. */
  left() {
    this.#become("guest");
  }

  /** @returns {Promise<void>} when the stored room key is proven, if there is one: once for each join */
  async prove() {
    const join = this.#join;
    const key = await this.#context.records.roomKey(this.#rid);
    if (!key || !join?.current()) return;
    join.proof ??= this.#sendProof(join, key);
    await join.proof;
  }

  async #sendProof({ reply, current }, key) {
    const { nonce } = reply;
    const { server, uid } = this.#context;
    const sig = await signFields("prove", { server, rid: this.#rid, uid, nonce }, key);
    const proof = { room_pub: toBase64url(key.pub), alg: key.alg, nonce, sig };
    const proven = await this.#repeatWhile(current, () => this.#queue.send("prove", proof, { repeat: false }));
    if (!current()) throw new VestibuleError("interrupted");
    this.#become("member");
    this.#queue.open("member");
    await this.#onProven(proven, reply);
  }

  /** The queue neither repeats a proof nor keeps one that was signed too late: the next join would take neither. */
  async #repeatWhile(current, send) {
    for (;;) {
      if (!current()) throw new VestibuleError("interrupted");
      try {
        return await send();
      } catch (error) {
        if (error.reason !== "timeout") throw error;
      }
    }
  }

  #become(role) {
    if (role === this.#role) return;
    this.#role = role;
    this.#onRole.call(role);
  }
}
