/**
 * One room, as guest or as member. A stored room key is proven at every join, so a member stays one over reconnects.
 */
import { Presence } from "phoenix";
import { toBase64url } from "./bytes.js";
import { checkCard } from "./checks.js";
import { Doorkeeper } from "./doorkeeper.js";
import { VestibuleError } from "./errors.js";
import { signFields } from "./signed.js";
import { Topic, listed } from "./topic.js";

/** A part of the longest `exp` that the server takes is left, for clocks that differ. */
const TTL_SHARE = 0.95;

/** Made by {@link import("./client.js").Vestibule#openRoom}. */
export class Room {
  #context;
  #newcomer;
  #topic;
  #doorkeeper;
  #presence;
  #onLeave;
  /** The last join: its reply, whether it is still the last, and the proof made for it. */
  #join = null;

  /**
   * @param {import("./topic.js").Context} context
   * @param {string} rid
   * @param {import("./newcomer.js").Newcomer} newcomer
   * @param {(room: Room) => void} onLeave
   */
  constructor(context, rid, newcomer, onLeave) {
    /** @type {string} */
    this.rid = rid;
    /** @type {import("./checks.js").Card | null} checked; null where the room has none that is shown */
    this.card = null;
    /** @type {import("./courier.js").Role} */
    this.role = "guest";
    this.#context = context;
    this.#newcomer = newcomer;
    this.#onLeave = onLeave;
    this.#topic = new Topic(context, `room:${rid}`);
    this.#doorkeeper = new Doorkeeper(context, rid, this.#topic.courier);
    this.#presence = new Presence(this.#topic.channel);
    newcomer.onKey(() => this.#prove(this.#join).catch((error) => context.warn(error)));
  }

  /**
   * Joins and, with a stored key, proves it. Called once, by the client.
   *
   * @returns {Promise<void>}
   */
  join() {
    const { channel } = this.#topic;
    channel.on("request", (item) => this.#doorkeeper.arrived(item));
    channel.on("request_gone", (push) => this.#doorkeeper.gone(push));
    channel.on("approve", (approve) => this.#receive(approve));
    channel.onError(() => {
      this.role = "guest";
    });
    return this.#topic.join((reply, current) => this.#joined(reply, current));
  }

  /**
   * Asks for the room key and returns once the server has stored the request. An open request is continued.
   *
   * @param {{note?: string, ttl?: number}} [options] a note of at most 280 characters, in the clear; `ttl` in ms
   * @returns {Promise<import("./newcomer.js").Asked>} with the fingerprint to read to whoever approves
   */
  ask({ note, ttl = this.#longestTtl() } = {}) {
    return this.#newcomer.ask(this.#topic.courier, { note, ttl });
  }

  /** @returns {Promise<import("./keys.js").SigningKey>} the room key, when it is here, checked, saved and acked */
  whenKey() {
    return this.#newcomer.whenKey();
  }

  /**
   * Asks for the room key and waits for it, which may take until a member comes.
   *
   * @param {{note?: string, ttl?: number}} [options] see {@link Room#ask}
   * @returns {Promise<import("./keys.js").SigningKey>}
   */
  async requestKey(options) {
    const stored = await this.#context.records.roomKey(this.rid);
    if (stored) return stored;
    const key = this.whenKey();
    // If asking fails, that is the error to report; the other one must not count as unhandled.
    key.catch(() => {});
    await this.ask(options);
    return key;
  }

  /** @returns {Promise<void>} when the server has taken the open request back, if there was one */
  withdraw() {
    return this.#newcomer.withdraw(this.#topic.courier);
  }

  /**
   * For members: somebody asks for the key. To approve without looking is `room.onRequest((r) => r.approve())`.
   *
   * @param {(request: import("./doorkeeper.js").JoinRequest) => unknown} handler called once for each request
   * @returns {() => void} stops it
   */
  onRequest(handler) {
    return this.#doorkeeper.onRequest(handler);
  }

  /**
   * For members: a request is approved by somebody, done or withdrawn.
   *
   * @param {(gone: import("./doorkeeper.js").GoneRequest) => unknown} handler
   * @returns {() => void} stops it
   */
  onRequestGone(handler) {
    return this.#doorkeeper.onRequestGone(handler);
  }

  /** @returns {import("./doorkeeper.js").JoinRequest[]} for members: the open requests this user has not approved */
  get pending() {
    return this.#doorkeeper.requests;
  }

  /** @returns {Presence} of phoenix.js; empty for guests */
  get presence() {
    return this.#presence;
  }

  /**
   * For members: an event of the application's own, to the other members who are online. Its payload is seen by
   * the server; encrypt what it should not see. Said once: rejects with `timeout` or `interrupted` if nobody knows.
   *
   * @param {string} event
   * @param {object} [payload]
   * @returns {Promise<void>}
   */
  async send(event, payload = {}) {
    await this.#topic.courier.send(event, payload, { as: "member", repeat: false });
  }

  /**
   * @param {string} event
   * @param {(payload: any) => void} handler
   * @returns {() => void} stops it
   */
  on(event, handler) {
    const { channel } = this.#topic;
    const ref = channel.on(event, (payload) => handler(payload));
    return () => channel.off(event, ref);
  }

  /**
   * For members: publishes the room's card, as the next version of the one that is known.
   *
   * @param {{policy: "open" | "request" | "secret", name?: string}} options
   * @returns {Promise<import("./checks.js").Card>}
   */
  async publishCard({ policy, name }) {
    const key = await this.#context.records.roomKey(this.rid);
    const fields = { rid: this.rid, version: (this.card?.version ?? 0) + 1, policy };
    if (name) fields.name = name;
    const sig = await signFields("card", fields, key);
    const { rid, ...frame } = fields;
    await this.#topic.courier.send("card", { ...frame, sig }, { as: "member" });
    this.card = { ...fields, room_pub: toBase64url(key.pub), alg: key.alg, sig };
    return this.card;
  }

  /**
   * Leaves the room. An open request stays open, and its approve still comes, to the inbox.
   *
   * @param {VestibuleError} [error] what everything unanswered is rejected with
   * @returns {Promise<void>} when the server knows
   */
  leave(error = new VestibuleError("disconnected", "the room was left")) {
    this.role = "guest";
    this.#newcomer.onKey(() => {});
    this.#onLeave(this);
    return this.#topic.end(error);
  }

  async #joined(reply, current) {
    const join = { reply, current, proof: null };
    this.#join = join;
    await this.#takeCard(reply.card);
    this.#receiveAll(reply).catch((error) => this.#context.warn(error));
    this.#newcomer
      .resume(this.#topic.courier, reply, { ttl: this.#longestTtl() })
      .catch((error) => this.#context.warn(error));
    await this.#prove(join);
  }

  /** Proves the stored room key, if there is one, once for each join. */
  async #prove(join) {
    const key = await this.#context.records.roomKey(this.rid);
    if (!key || !join?.current()) return;
    join.proof ??= this.#sayProof(join, key);
    await join.proof;
  }

  async #sayProof({ reply: { nonce }, current }, key) {
    const { server, uid } = this.#context;
    const { courier } = this.#topic;
    const sig = await signFields("prove", { server, rid: this.rid, uid, nonce }, key);
    const proof = { room_pub: toBase64url(key.pub), alg: key.alg, nonce, sig };
    const proven = await this.#repeatWhile(current, () => courier.send("prove", proof, { repeat: false }));
    if (!current()) throw new VestibuleError("interrupted");
    this.role = "member";
    courier.open("member");
    await this.#takeCard(proven.card);
    this.#doorkeeper.listed(proven).catch((error) => this.#context.warn(error));
  }

  /** A proof is good for one join only, so it is not the courier that repeats it. */
  async #repeatWhile(current, say) {
    for (;;) {
      try {
        return await say();
      } catch (error) {
        if (error.reason !== "timeout" || !current()) throw error;
      }
    }
  }

  async #receiveAll({ approves, more }) {
    for (const approve of approves) this.#receive(approve);
    if (more) for await (const approve of listed(this.#topic.courier, "approved")) this.#receive(approve);
  }

  #receive(approve) {
    const ack = (approve_id) => this.#topic.courier.send("ack", { approve_id, device: this.#context.device });
    this.#newcomer.receive(approve, ack);
  }

  /** A card is taken if it is good, and not older than the one that is known. */
  async #takeCard(card) {
    if (!card) return;
    try {
      const checked = await checkCard(card, this.rid);
      if (checked.version >= (this.card?.version ?? 0)) this.card = checked;
    } catch (error) {
      this.#context.warn(error);
    }
  }

  #longestTtl() {
    return Math.floor(this.#join.reply.limits.exp_ms * TTL_SHARE);
  }
}
