/**
 * Whether this client is a member of one room. A proof is valid for one join, so the client proves
 * its stored room key at every join, and stays a member across reconnects.
 */
import { toBase64url } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { Handlers } from "./handlers.js";
import { signFields } from "./signed.js";

/** @typedef {import("./retry-queue.js").Role} Role */

/** Proves the key of one room. */
export class Membership {
  #context;
  #rid;
  #queue;
  #onProven;
  /** @type {Role} */
  #role = "guest";
  #onRole;
  /**
   * The last join: its reply, whether it is still the last one, and its proof.
   *
   * @type {{reply: any, current: () => boolean, proof: Promise<void> | null} | null}
   */
  #join = null;

  /**
   * @param {import("./context.js").Context} context
   * @param {string} rid
   * @param {import("./retry-queue.js").RetryQueue} queue
   * @param {(proven: any, reply: any) => Promise<void>} onProven gets the replies to the proof and
   *   to the join
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
   * @returns {() => void} removes the handler
   */
  onRole(handler) {
    return this.#onRole.add(handler);
  }

  /**
   * @returns {string} the nonce that a member signs in this join; throws `not_member` if the key is
   *   not proven in it
   */
  get nonce() {
    if (this.#role !== "member" || !this.#join) {
      throw new VestibuleError("not_member", "only a connected member may do this");
    }
    return this.#join.reply.nonce;
  }

  /**
   * @param {any} reply of the join
   * @param {() => boolean} current whether this is still the last join
   */
  joined(reply, current) {
    this.#join = { reply, current, proof: null };
  }

  /** The room was left, or the connection lost. */
  left() {
    this.#become("guest");
  }

  /**
   * @returns {Promise<void>} when the stored room key, if any, is proven; at most once for each
   *   join
   */
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

  /** The queue does not repeat a proof or keep it for the next join, which would refuse it. */
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
