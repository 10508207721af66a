/**
 * One room, as guest or as member.
 */
import { Presence } from "phoenix";
import { mustBeCardChange, mustBeDenial, mustBeEvent, mustBeFunction, mustBeId, mustBeOwnEvent } from "./arguments.js";
import { AutoApprover } from "./auto-approver.js";
import { RoomInfo } from "./room-info.js";
import { Deliveries } from "./deliveries.js";
import { PendingRequests } from "./pending-requests.js";
import { VestibuleError } from "./errors.js";
import { roomFingerprintOf } from "./fingerprints.js";
import { Membership } from "./membership.js";
import { MessageKey } from "./messages.js";
import { LONGEST_EXP_MS, longestTtl, requestOptions } from "./request-frame.js";
import { Sequence } from "./sequence.js";
import { Subscription } from "./subscription.js";

/** Made by {@link import("./client.js").Vestibule#openRoom}. */
export class Room {
  #context;
  #newcomer;
  #subscription;
  #info;
  #deliveries;
  #requests;
  #autoApprovers = new Set();
  #presence;
  #onLeave;
  #membership;
  /** What the server takes, by the answer to the last join. */
  #limits = { exp_ms: LONGEST_EXP_MS, note: Infinity, name: Infinity };

  /**
   * @param {import("./context.js").Context} context
   * @param {string} rid
   * @param {import("./newcomer.js").Newcomer} newcomer
   * @param {(room: Room) => void} onLeave
   */
  constructor(context, rid, newcomer, onLeave) {
    /** @type {string} */
    this.rid = rid;
    /** @type {string} to be compared with what a member sees, by who has the rid from somebody else */
    this.fingerprint = "";
    this.#context = context;
    this.#newcomer = newcomer;
    this.#onLeave = onLeave;
    this.#subscription = new Subscription(context, `room:${rid}`, () => this.#deliveries.joinFields);
    this.#info = new RoomInfo(context, rid, this.#subscription.queue);
    this.#deliveries = new Deliveries(context, rid, {
      approve: (...received) => newcomer.receive(...received),
      notice: async (notice) => notice.rid === rid && context.notices.take(notice),
      resync: () => Promise.all([this.#requests.resync(), newcomer.resync()]),
    });
    this.#requests = new PendingRequests(context, rid, this.#subscription.queue);
    this.#presence = new Presence(this.#subscription.channel);
    this.#membership = new Membership(context, rid, this.#subscription.queue, (...answers) => this.#proven(...answers));
    newcomer.onKey(() => this.#membership.prove().catch((error) => context.warn(error)));
  }

  /**
   * Joins and, with a stored key, proves it. Called once, by the client.
   *
   * @internal
   * @returns {Promise<void>}
   */
  async join() {
    const loaded = [this.#info.load(), this.#deliveries.load()];
    [this.fingerprint] = await Promise.all([roomFingerprintOf(this.rid), ...loaded]);
    this.#deliveries.listen(this.#subscription);
    this.#subscription.on("request", (item) => this.#requests.received(item));
    this.#subscription.on("request_gone", (push) => this.#requests.gone(push));
    this.#subscription.on("card", (card) => this.#info.take(card));
    this.#subscription.on("creator_changed", (push) => this.#info.creatorChanged(push));
    // What a member approves by itself depends on the card, and on being the creator.
    this.#info.onCard(() => this.#requests.showAgain());
    this.#info.onCreator(() => this.#requests.showAgain());
    this.#subscription.channel.onError(() => this.#membership.left());
    try {
      await this.#subscription.join((reply, current) => this.#joined(reply, current));
    } catch (error) {
      this.#requests.end();
      throw error;
    }
  }

  /** @returns {import("./retry-queue.js").Role} `member` while this join's proof holds: not while there is no connection */
  get role() {
    return this.#membership.role;
  }

  /**
   * @param {(role: import("./retry-queue.js").Role) => unknown} handler called when the role is another one
   * @returns {() => void} stops it
   */
  onRole(handler) {
    return this.#membership.onRole(handler);
  }

  /** @returns {import("./checks.js").Card | null} the newest that was seen, checked; null where none is shown */
  get card() {
    return this.#info.card;
  }

  /** @returns {boolean | undefined} for members: whether the directory shows the room, as far as the server has said */
  get listed() {
    return this.#info.listed;
  }

  /** @returns {string | undefined} for members: the creator's uid, as the server says; undefined where it knows none */
  get creator() {
    return this.#info.creator;
  }

  /** @returns {boolean} whether this user is the creator, who alone may change the policy and the listing */
  get isCreator() {
    return this.#info.isCreator;
  }

  /**
   * @typedef {object} AskOptions
   * @property {string} [note] of at most 280 characters, in the clear
   * @property {number} [ttl] in ms, of at most what the server takes (30 days); as long as that without
   * @property {import("./sealing.js").BoxKey} [box] that this user's devices share; a new one without
   */

  /**
   * Asks for the room key and returns once the server has stored the request. An open request is continued. Rejects
   * with a {@link import("./errors.js").DeniedError} where it has been denied; asked again after that, with `cooldown`
   * or `blocked` and how long that lasts.
   *
   * @param {AskOptions} [options]
   * @returns {Promise<import("./newcomer.js").Asked>} with the fingerprint to read to whoever approves
   */
  async ask(options = {}) {
    return this.#newcomer.ask(this.#subscription.queue, requestOptions(options, this.#limits));
  }

  /** @returns {Promise<import("./newcomer.js").Asked | null>} the own open request, of an earlier run too */
  asked() {
    return this.#newcomer.asked();
  }

  /**
   * The room key, when it is here, checked, saved and acked. Rejects where the request ends without it: with a
   * {@link import("./errors.js").DeniedError}, `withdrawn`, `expired`, or a refusal; and with `not_asked` where there is
   * no request that could bring it. After a denial it can be called again, since another member may approve all the same.
   *
   * @returns {Promise<import("./keys.js").SigningKey>}
   */
  whenKey() {
    return this.#newcomer.whenKey();
  }

  /**
   * Asks for the room key and waits for it, which may take until a member comes.
   *
   * @param {AskOptions} [options] see {@link Room#ask}
   * @returns {Promise<import("./keys.js").SigningKey>}
   */
  async requestKey(options = {}) {
    requestOptions(options, this.#limits);
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
    return this.#newcomer.withdraw(this.#subscription.queue);
  }

  /**
   * For members: somebody asks for the key. To approve without looking there is {@link Room#autoApprove}.
   *
   * @param {(request: import("./join-request.js").JoinRequest) => unknown} handler called once for each request, and
   *   once more each time that the newcomer could not use this user's approve (`request.nacks`), or that it was denied
   *   and a member has lifted that
   * @returns {() => void} stops it
   */
  onRequest(handler) {
    return this.#requests.onRequest(handler);
  }

  /**
   * For members: approves by itself as long as the room is `open`, taking turns with the other members who do so. What
   * somebody has denied is left alone, until a member lifts that.
   *
   * @param {(request: import("./join-request.js").JoinRequest) => boolean | Promise<boolean>} [wants] which to approve
   * @returns {() => void} stops it
   */
  autoApprove(wants = () => true) {
    mustBeFunction("wants", wants);
    const { uid, warn } = this.#context;
    const room = { requests: this.#requests, policy: () => this.#info.policy, isCreator: () => this.isCreator };
    const auto = new AutoApprover({ ...room, uid, wants, warn });
    this.#autoApprovers.add(auto);
    return () => {
      auto.stop();
      this.#autoApprovers.delete(auto);
    };
  }

  /**
   * For members: ends what a newcomer waits for. They are told, and kept from asking again for a day.
   *
   * @param {{requestId: string, uid: string}} request such as `onRequest` shows
   * @param {{code?: string, block?: boolean}} [options] why, of at most 64 bytes; `block` keeps them from asking until
   *   a member unblocks them
   * @returns {Promise<{state: string, dup: boolean}>}
   */
  async deny(request, options = {}) {
    mustBeDenial(request, options);
    return this.#requests.deny(request, options);
  }

  /**
   * For members: lets somebody ask again who was denied.
   *
   * @param {string} uid
   * @returns {Promise<{dup: boolean}>}
   */
  async unblock(uid) {
    mustBeId("uid", uid, "a user");
    await this.#context.records.memberKey(this.rid);
    return this.#requests.unblock(uid);
  }

  /**
   * For members: who is kept from asking. To approve one of a denial's `requests` overrules it.
   *
   * @returns {Promise<import("./pending-requests.js").Denial[]>}
   */
  async denials() {
    await this.#context.records.memberKey(this.rid);
    return this.#requests.denials();
  }

  /**
   * For members: a newcomer has `saved` the key from this user's approve, or `nacked` the approve.
   *
   * @param {(receipt: import("./notices.js").Receipt) => unknown} handler
   * @returns {() => void} stops it
   */
  onReceipt(handler) {
    return this.#requests.onReceipt(handler);
  }

  /**
   * @param {(card: import("./checks.js").Card) => unknown} handler called when the room has a new card
   * @returns {() => void} stops it
   */
  onCard(handler) {
    return this.#info.onCard(handler);
  }

  /**
   * For members: the room's creator is known, or is another one.
   *
   * @param {(creator: string | undefined) => unknown} handler
   * @returns {() => void} stops it
   */
  onCreator(handler) {
    return this.#info.onCreator(handler);
  }

  /**
   * For members: a request is approved by somebody, done, denied, withdrawn or expired.
   *
   * @param {(gone: import("./pending-requests.js").GoneRequest) => unknown} handler
   * @returns {() => void} stops it
   */
  onRequestGone(handler) {
    return this.#requests.onRequestGone(handler);
  }

  /** @returns {import("./join-request.js").JoinRequest[]} for members: the open requests this user has not approved */
  get pending() {
    return this.#requests.all;
  }

  /** @returns {Presence} of phoenix.js; empty for guests */
  get presence() {
    return this.#presence;
  }

  /**
   * For members: an event of the application's own, to the other members who are online. Its payload is seen by
   * the server; {@link Room#sendSealed} hides it. Said once: rejects with `timeout` or `interrupted` if nobody knows,
   * with `not_member` where the room's key is not here, and with `too_large` where the server would not take it.
   *
   * @param {string} event
   * @param {object} [payload]
   * @returns {Promise<void>}
   */
  async send(event, payload = {}) {
    mustBeOwnEvent(event);
    // Where the key is here, but not proven yet, it waits for that.
    if (this.role !== "member") await this.#context.records.memberKey(this.rid);
    await this.#subscription.queue.send(event, payload, { as: "member", repeat: false });
  }

  /**
   * @param {string} event
   * @param {(payload: any) => unknown} handler
   * @returns {() => void} stops it
   */
  on(event, handler) {
    mustBeEvent(event);
    mustBeFunction("handler", handler);
    return this.#subscription.on(event, handler);
  }

  /**
   * For members: like {@link Room#send}, but only the members can read it.
   *
   * @param {string} event
   * @param {unknown} content what JSON can say
   * @returns {Promise<void>}
   */
  async sendSealed(event, content) {
    mustBeOwnEvent(event);
    const key = await this.#messageKey();
    await this.send(event, await key.seal(event, content));
  }

  /**
   * For members: what was said by {@link Room#sendSealed}. What no member sealed is warned of (`bad_message`).
   *
   * @param {string} event
   * @param {(content: any) => unknown} handler
   * @returns {() => void} stops it
   */
  onSealed(event, handler) {
    mustBeFunction("handler", handler);
    const { warn } = this.#context;
    const open = async (payload) => {
      handler(await (await this.#messageKey()).open(event, payload));
    };
    const inOrder = new Sequence();
    return this.on(event, (payload) => {
      inOrder.run(() => open(payload)).catch(warn);
    });
  }

  /**
   * For members: publishes the room's card, as the next version of the one that is known. What is left out stays as it
   * is. Any member may change the name; the policy and the listing are the creator's, others get `not_creator`.
   *
   * @param {import("./room-info.js").CardChange} [change]
   * @returns {Promise<import("./checks.js").Card>}
   */
  async publishCard(change = {}) {
    mustBeCardChange(change, this.#limits.name);
    return this.#info.publish(change);
  }

  /**
   * For the creator: makes another user the creator. Said once: where it rejects with `timeout` or `interrupted` nobody
   * knows whether it arrived; to say it again does no harm.
   *
   * @param {string} uid
   * @returns {Promise<void>}
   */
  async handOver(uid) {
    await this.#info.handOver(uid, this.#membership.nonce);
  }

  /**
   * Leaves the room. An open request stays open, and its approve still comes, to the inbox.
   *
   * @param {VestibuleError} [error] what everything unanswered is rejected with
   * @returns {Promise<void>} when the server knows
   */
  leave(error = new VestibuleError("disconnected", "the room was left")) {
    this.#membership.left();
    this.#newcomer.onKey(() => {});
    for (const auto of this.#autoApprovers) auto.stop();
    this.#requests.end();
    this.#onLeave(this);
    return this.#subscription.end(error);
  }

  async #messageKey() {
    return MessageKey.of(this.rid, await this.#context.records.memberKey(this.rid));
  }

  async #joined(reply, current) {
    this.#limits = reply.limits;
    this.#membership.joined(reply, current);
    this.#requests.joined();
    await this.#info.joined(reply);
    this.#resume(reply).catch((error) => this.#context.warn(error));
    await this.#membership.prove();
  }

  /** The notices first: how the open request ended is said better by them than by the answer to its repetition. */
  async #resume(reply) {
    await this.#deliveries.joined(reply);
    await this.#newcomer.resume(this.#subscription.queue, reply, { ttl: longestTtl(this.#limits.exp_ms) });
  }

  async #proven(proven, reply) {
    // Who was a member already, as after an answer that got lost, is told no more than that.
    if (proven.pending) await this.#info.proven(proven, reply);
    this.#requests.listReceived(proven).catch((error) => this.#context.warn(error));
  }
}
