/** The users of the released folder. */
import assert from "node:assert/strict";
import { BoxKey, fromBase64url, openApprove, signFields, toBase64url } from "vestibule-client/protocol";
import { next, reply } from "../../flows/phoenix_user.js";

/** A user who has requested a room's key. */
export class Newcomer {
  #known;

  /**
   * @param {import("../../flows/phoenix_user.js").PhoenixUser} user
   * @param {{request_id: string, box_private: string}} known the user's stored values
   * @param {{channel: import("phoenix").Channel, joined: any}} door
   */
  constructor(user, known, { channel, joined }) {
    /** @type {import("../../flows/phoenix_user.js").PhoenixUser} */
    this.user = user;
    /** @type {import("phoenix").Channel} */
    this.channel = channel;
    /** @type {any} the join reply */
    this.joined = joined;
    this.#known = known;
  }

  /** @returns {string} the id of the request in the released folder */
  get requestId() {
    return this.#known.request_id;
  }

  /** @returns {Promise<any>} the next approve that is pushed */
  nextApprove() {
    return next(this.channel, "approve");
  }

  /** @returns {Promise<string | null>} the state of the request according to the server */
  async state() {
    return (await reply(this.channel.push("status", { request_id: this.requestId }))).state;
  }

  /**
   * @param {any} approve
   * @param {any} request the approved request as a member received it
   * @param {{rid: string, room_key: string}} room the room whose key it must contain
   */
  async opensAndAcks(approve, { box_pub }, { rid, room_key }) {
    const box = await BoxKey.fromStored({ private: this.#known.box_private, pub: box_pub });
    const key = await openApprove(approve, { rid, request_id: this.requestId, uid: this.user.uid, box });
    assert.equal(toBase64url(key.private), room_key);
    const ack = { approve_id: approve.approve_id, device: this.user.device };
    const { dup, deleted } = await reply(this.channel.push("ack", ack));
    assert.deepEqual([dup, deleted], [false, true]);
  }

  /** @returns {Promise<any>} the reply to a new request with a new box; rejects with the refusal */
  async askAnew(rid) {
    return reply(this.channel.push("request", await this.user.request(rid, await BoxKey.generate())));
  }
}

/** A user who has proven a room's key. */
export class Member {
  #room;

  /**
   * @param {import("../../flows/phoenix_user.js").PhoenixUser} user
   * @param {{rid: string, key: import("vestibule-client/protocol").SigningKey}} room
   * @param {import("phoenix").Channel} channel
   * @param {{joined: any, proven: any}} answers the replies to the join and to the proof
   */
  constructor(user, room, channel, { joined, proven }) {
    /** @type {import("../../flows/phoenix_user.js").PhoenixUser} */
    this.user = user;
    /** @type {import("phoenix").Channel} */
    this.channel = channel;
    /** @type {any} */
    this.joined = joined;
    /** @type {any} */
    this.proven = proven;
    this.#room = room;
  }

  /** @returns {Promise<any[]>} the denials, with the requests that may still be approved */
  async denials() {
    return (await reply(this.channel.push("denials", {}))).items;
  }

  /**
   * @param {any} request
   * @returns {Promise<any>} the reply
   */
  async approve(request) {
    const approve = await this.user.approve(request, fromBase64url(request.box_pub), this.#room.key);
    return reply(this.channel.push("approve", approve));
  }

  /**
   * @param {{version: number, policy: string, name: string}} card
   * @returns {Promise<any>} the reply
   */
  async publish(card) {
    const sig = await signFields("card", { rid: this.#room.rid, ...card }, this.#room.key);
    return reply(this.channel.push("card", { ...card, sig }));
  }
}
