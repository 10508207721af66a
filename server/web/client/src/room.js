/**
 * One room, as a guest or as a member sees it.
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

/** Created by {@link import("./client.js").Vestibule#openRoom}. */
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
  /** The server's limits, as its last join reply said. */
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
    /** @type {string} a user who got the rid from somebody else compares it with a member's */
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
   * Joins the room and proves the stored key, if there is one. The client calls this once.
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
    // Automatic approvers depend on the card, and on whether this user is the creator.
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

  /**
   * @returns {import("./retry-queue.js").Role} `member` while this join's proof holds, so never
   *   while disconnected
   */
  get role() {
    return this.#membership.role;
  }

  /**
   * @param {(role: import("./retry-queue.js").Role) => unknown} handler called when the role
   *   changes
   * @returns {() => void} removes the handler
   */
  onRole(handler) {
    return this.#membership.onRole(handler);
  }

  /**
   * @returns {import("./checks.js").Card | null} the newest checked card; null if there is none to
   *   show
   */
  get card() {
    return this.#info.card;
  }

  /**
   * @returns {boolean | undefined} for members: whether the directory shows the room, if the server
   *   has said so
   */
  get listed() {
    return this.#info.listed;
  }

  /**
   * @returns {string | undefined} for members: the creator's uid according to the server; undefined
   *   if it knows none
   */
  get creator() {
    return this.#info.creator;
  }

  /**
   * @returns {boolean} whether this user is the creator; only the creator may change the policy and
   *   the listing
   */
  get isCreator() {
    return this.#info.isCreator;
  }

  /**
   * @typedef {object} AskOptions
   * @property {string} [note] of at most 280 characters; the server can read it
   * @property {number} [ttl] in ms; at most, and by default, the server's limit (30 days)
   * @property {import("./sealing.js").BoxKey} [box] that this user's devices share; default: a new
   *   one
   */

  /**
   * Requests the room key and resolves once the server has stored the request. An open request is
   * continued. Rejects with a {@link import("./errors.js").DeniedError} if the request has been
   * denied, and with `cooldown` (and the remaining time) or `blocked` if asked again after that.
   *
   * @param {AskOptions} [options]
   * @returns {Promise<import("./newcomer.js").Asked>} with the fingerprint to read to the approving
   *   member
   */
  async ask(options = {}) {
    return this.#newcomer.ask(this.#subscription.queue, requestOptions(options, this.#limits));
  }

  /**
   * @returns {Promise<import("./newcomer.js").Asked | null>} this user's open request, even one of
   *   an earlier run
   */
  asked() {
    return this.#newcomer.asked();
  }

  /**
   * Resolves to the room key once it is received, checked, saved and acked. Rejects if the request
   * ends without it: with a {@link import("./errors.js").DeniedError}, `withdrawn`, `expired` or a
   * refusal; and with `not_asked` if no request could bring it. Call it again after a denial to
   * wait for another member's approve.
   *
   * @returns {Promise<import("./keys.js").SigningKey>}
   */
  whenKey() {
    return this.#newcomer.whenKey();
  }

  /**
   * Requests the room key and waits for it, which may take until a member is online.
   *
   * @param {AskOptions} [options] see {@link Room#ask}
   * @returns {Promise<import("./keys.js").SigningKey>}
   */
  async requestKey(options = {}) {
    requestOptions(options, this.#limits);
    const stored = await this.#context.records.roomKey(this.rid);
    if (stored) return stored;
    const key = this.whenKey();
    // If asking fails, that error is reported; this promise's rejection must not count as
    // unhandled.
    key.catch(() => {});
    await this.ask(options);
    return key;
  }

  /** @returns {Promise<void>} when the server has withdrawn the open request, if there was one */
  withdraw() {
    return this.#newcomer.withdraw(this.#subscription.queue);
  }

  /**
   * For members: reports requests for the key. {@link Room#autoApprove} approves without asking a
   * person.
   *
   * @param {(request: import("./join-request.js").JoinRequest) => unknown} handler called once for
   *   each request, and again each time the newcomer could not use this user's approve
   *   (`request.nacks`) or a member lifted a denial
   * @returns {() => void} removes the handler
   */
  onRequest(handler) {
    return this.#requests.onRequest(handler);
  }

  /**
   * For members: approves requests automatically while the room is `open`, taking turns with other
   * members' clients. Denied requests are left alone until a member lifts the denial.
   *
   * @param {(request: import("./join-request.js").JoinRequest) => boolean | Promise<boolean>}
   *   [wants] selects the requests to approve
   * @returns {() => void} removes the handler
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
   * For members: denies a request. The newcomer is told, and may not ask again for a day.
   *
   * @param {{requestId: string, uid: string}} request such as one from `onRequest`
   * @param {{code?: string, block?: boolean}} [options] `code`: the reason, at most 64 bytes;
   *   `block`: the user may not ask until a member unblocks them
   * @returns {Promise<{state: string, dup: boolean}>}
   */
  async deny(request, options = {}) {
    mustBeDenial(request, options);
    return this.#requests.deny(request, options);
  }

  /**
   * For members: lets a denied user ask again.
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
   * For members: lists the users who may not ask for now. Approving one of a denial's `requests`
   * overrules it.
   *
   * @returns {Promise<import("./pending-requests.js").Denial[]>}
   */
  async denials() {
    await this.#context.records.memberKey(this.rid);
    return this.#requests.denials();
  }

  /**
   * For members: reports that a newcomer has `saved` the key from this user's approve, or `nacked`
   * the approve.
   *
   * @param {(receipt: import("./notices.js").Receipt) => unknown} handler
   * @returns {() => void} removes the handler
   */
  onReceipt(handler) {
    return this.#requests.onReceipt(handler);
  }

  /**
   * @param {(card: import("./checks.js").Card) => unknown} handler called when the room gets a new
   *   card
   * @returns {() => void} removes the handler
   */
  onCard(handler) {
    return this.#info.onCard(handler);
  }

  /**
   * For members: reports that the room's creator has become known or has changed.
   *
   * @param {(creator: string | undefined) => unknown} handler
   * @returns {() => void} removes the handler
   */
  onCreator(handler) {
    return this.#info.onCreator(handler);
  }

  /**
   * For members: reports that a request was approved, completed, denied, withdrawn or has expired.
   *
   * @param {(gone: import("./pending-requests.js").GoneRequest) => unknown} handler
   * @returns {() => void} removes the handler
   */
  onRequestGone(handler) {
    return this.#requests.onRequestGone(handler);
  }

  /**
   * @returns {import("./join-request.js").JoinRequest[]} for members: the open requests that this
   *   user has not approved
   */
  get pending() {
    return this.#requests.all;
  }

  /** @returns {Presence} a phoenix.js `Presence`; empty for guests */
  get presence() {
    return this.#presence;
  }

  /**
   * For members: sends an event of the application to the other online members. The server can read
   * its payload; {@link Room#sendSealed} hides it. The event is sent once. Rejects with `timeout`
   * or `interrupted` if it is unknown whether it arrived, with `not_member` if the room's key is
   * missing, and with `too_large` if the server would not accept it.
   *
   * @param {string} event
   * @param {object} [payload]
   * @returns {Promise<void>}
   */
  async send(event, payload = {}) {
    mustBeOwnEvent(event);
    // If the key is stored but not proven yet, the event waits for the proof.
    if (this.role !== "member") await this.#context.records.memberKey(this.rid);
    await this.#subscription.queue.send(event, payload, { as: "member", repeat: false });
  }

  /**
   * @param {string} event
   * @param {(payload: any) => unknown} handler
   * @returns {() => void} removes the handler
   */
  on(event, handler) {
    mustBeEvent(event);
    mustBeFunction("handler", handler);
    return this.#subscription.on(event, handler);
  }

  /**
   * For members: like {@link Room#send}, but only members can read the content.
   *
   * @param {string} event
   * @param {unknown} content a JSON value
   * @returns {Promise<void>}
   */
  async sendSealed(event, content) {
    mustBeOwnEvent(event);
    const key = await this.#messageKey();
    await this.send(event, await key.seal(event, content));
  }

  /**
   * For members: receives what {@link Room#sendSealed} sent. A payload that no member sealed causes
   * a warning (`bad_message`).
   *
   * @param {string} event
   * @param {(content: any) => unknown} handler
   * @returns {() => void} removes the handler
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
   * For members: publishes the next version of the room's card. Fields that are left out stay as
   * they are. Any member may change the name; only the creator may change the policy and the
   * listing, and others get `not_creator`.
   *
   * @param {import("./room-info.js").CardChange} [change]
   * @returns {Promise<import("./checks.js").Card>}
   */
  async publishCard(change = {}) {
    mustBeCardChange(change, this.#limits.name);
    return this.#info.publish(change);
  }

  /**
   * For the creator: makes another user the creator. The event is sent once: if it rejects with
   * `timeout` or `interrupted`, it is unknown whether it arrived, and it is safe to call this
   * again.
   *
   * @param {string} uid
   * @returns {Promise<void>}
   */
  async handOver(uid) {
    await this.#info.handOver(uid, this.#membership.nonce);
  }

  /**
   * Leaves the room. An open request stays open, and its approve still arrives over the inbox.
   *
   * @param {VestibuleError} [error] rejects everything unanswered
   * @returns {Promise<void>} when the server has answered
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

  /**
   * Notices come first: they say more precisely how the open request ended than the reply to its
   * repetition.
   */
  async #resume(reply) {
    await this.#deliveries.joined(reply);
    await this.#newcomer.resume(this.#subscription.queue, reply, { ttl: longestTtl(this.#limits.exp_ms) });
  }

  async #proven(proven, reply) {
    // After a repeated proof, such as when a reply was lost, the server sends nothing else.
    if (proven.pending) await this.#info.proven(proven, reply);
    this.#requests.listReceived(proven).catch((error) => this.#context.warn(error));
  }
}
