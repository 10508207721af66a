/** Those who left something in the released folder, as they come back. */
import assert from "node:assert/strict";
import { BoxKey, fromBase64url, openApprove, signFields, toBase64url } from "vestibule-client/protocol";
import { next, reply } from "../../flows/plain.js";

/** Somebody who has asked for a room's key. */
export class Newcomer {
  #known;

  /**
   * @param {import("../../flows/plain.js").PlainUser} user
   * @param {{request_id: string, box_private: string}} known what they kept
   * @param {{channel: import("phoenix").Channel, joined: any}} door
   */
  constructor(user, known, { channel, joined }) {
    /** @type {import("../../flows/plain.js").PlainUser} */
    this.user = user;
    /** @type {import("phoenix").Channel} */
    this.channel = channel;
    /** @type {any} what the join was answered */
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

  /** @returns {Promise<string | null>} what the server says of the request */
  async state() {
    return (await reply(this.channel.push("status", { request_id: this.requestId }))).state;
  }

  /**
   * @param {any} approve
   * @param {any} request that it answers, as a member was shown it
   * @param {{rid: string, room_key: string}} room whose key must be in it
   */
  async opensAndAcks(approve, { box_pub }, { rid, room_key }) {
    const box = await BoxKey.fromStored({ private: this.#known.box_private, pub: box_pub });
    const key = await openApprove(approve, { rid, request_id: this.requestId, uid: this.user.uid, box });
    assert.equal(toBase64url(key.private), room_key);
    const ack = { approve_id: approve.approve_id, device: this.user.device };
    const { dup, deleted } = await reply(this.channel.push("ack", ack));
    assert.deepEqual([dup, deleted], [false, true]);
  }

  /** @returns {Promise<any>} the answer to a request with a box of its own; rejects with the refusal */
  async askAnew(rid) {
    return reply(this.channel.push("request", await this.user.request(rid, await BoxKey.generate())));
  }
}

/** Somebody who has a room's key, and has proved it. */
export class Member {
  #room;

  /**
   * @param {import("../../flows/plain.js").PlainUser} user
   * @param {{rid: string, key: import("vestibule-client/protocol").SigningKey}} room
   * @param {import("phoenix").Channel} channel
   * @param {{joined: any, proven: any}} answers to the join and to the proof
   */
  constructor(user, room, channel, { joined, proven }) {
    /** @type {import("../../flows/plain.js").PlainUser} */
    this.user = user;
    /** @type {import("phoenix").Channel} */
    this.channel = channel;
    /** @type {any} */
    this.joined = joined;
    /** @type {any} */
    this.proven = proven;
    this.#room = room;
  }

  /** @returns {Promise<any[]>} who was denied, with the requests that may still be approved */
  async denials() {
    return (await reply(this.channel.push("denials", {}))).items;
  }

  /**
   * @param {any} request
   * @returns {Promise<any>} the answer
   */
  async approve(request) {
    const approve = await this.user.approve(request, fromBase64url(request.box_pub), this.#room.key);
    return reply(this.channel.push("approve", approve));
  }

  /**
   * @param {{version: number, policy: string, name: string}} card
   * @returns {Promise<any>} the answer
   */
  async publish(card) {
    const sig = await signFields("card", { rid: this.#room.rid, ...card }, this.#room.key);
    return reply(this.channel.push("card", { ...card, sig }));
  }
}
