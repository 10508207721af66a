/**
 * A room's info: its card, whether the directory lists it, and who created it. The room key signs the card; the rest
 * is the server's word, which no key is given away by.
 *
 * The creator alone changes the policy and the listing, and may hand that over; any member may give the room another
 * name, and shows a server that has lost the card the newest one.
 */
import { mustBeId } from "./arguments.js";
import { toBase64url } from "./bytes.js";
import { Cards, cardFrame } from "./cards.js";
import { VestibuleError } from "./errors.js";
import { Handlers } from "./handlers.js";
import { isId } from "./ids.js";
import { Sequence } from "./sequence.js";
import { signFields } from "./signed.js";

/** Refusals of a restored card that are no fault: somebody was quicker, or it is for the creator to bring back. */
const NOT_NEEDED = new Set(["version_conflict", "not_creator"]);

/**
 * @typedef {object} CardChange
 * @property {import("./checks.js").Policy} [policy] the present one without
 * @property {string | null} [name] the present one without; empty or null for none
 * @property {boolean} [listed] whether the directory shows the room; as it is without
 */

/** One room's. */
export class RoomInfo {
  #context;
  #rid;
  #queue;
  #cards;
  #onCard;
  #onCreator;
  /** What the server of this join can do beyond version 0.1.0. @type {Set<string>} */
  #features = new Set();
  /** Whether the server of this join has a card of the room. */
  #isPublished = false;
  /** @type {string | undefined} */
  #creator;
  /** @type {boolean | undefined} */
  #listed;
  /** Publishes cards one at a time: each is the next version of the one before it. */
  #publishing = new Sequence();

  /**
   * @param {import("./context.js").Context} context
   * @param {string} rid
   * @param {import("./retry-queue.js").RetryQueue} queue
   */
  constructor(context, rid, queue) {
    this.#context = context;
    this.#rid = rid;
    this.#queue = queue;
    this.#cards = new Cards(context, rid);
    this.#onCard = new Handlers(context.warn);
    this.#onCreator = new Handlers(context.warn);
  }

  /** @returns {import("./checks.js").Card | null} the newest that was seen, checked */
  get card() {
    return this.#cards.newest;
  }

  /** @returns {import("./checks.js").Policy | undefined} by the newest card, which may have a name that is not shown */
  get policy() {
    return this.#cards.policy;
  }

  /** @returns {boolean | undefined} undefined where the server has not said */
  get listed() {
    return this.#listed;
  }

  /** @returns {string | undefined} the uid; undefined where the server has not said, or does not know */
  get creator() {
    return this.#creator;
  }

  /** @returns {boolean} */
  get isCreator() {
    return this.#creator === this.#context.uid;
  }

  /**
   * @param {(card: import("./checks.js").Card) => unknown} handler called when the room has a new card
   * @returns {() => void} stops it
   */
  onCard(handler) {
    return this.#onCard.add(handler);
  }

  /**
   * @param {(creator: string | undefined) => unknown} handler called when the creator is known, or another one
   * @returns {() => void} stops it
   */
  onCreator(handler) {
    return this.#onCreator.add(handler);
  }

  /** @returns {Promise<void>} when the newest card of earlier runs is known */
  load() {
    return this.#cards.load();
  }

  /**
   * @param {any} reply of the join
   * @returns {Promise<void>} when its card is taken
   */
  joined({ features = [], card }) {
    this.#features = new Set(features);
    this.#isPublished = false;
    return this.take(card);
  }

  /**
   * @param {any} proven the answer to the proof
   * @param {any} reply of the join
   * @returns {Promise<void>} when its card is taken
   */
  async proven({ card, creator, listed }, reply) {
    this.#createdBy(creator);
    await this.take(card && { ...card, listed });
    this.#restore(card ?? reply.card).catch((error) => this.#context.warn(error));
  }

  /**
   * A card is taken if it is good, and not older than the one that is known.
   *
   * @param {any} card as it came
   * @returns {Promise<void>}
   */
  async take(card) {
    if (!card) return;
    this.#isPublished = true;
    try {
      const isNews = await this.#cards.take(card);
      if (typeof card.listed === "boolean") this.#listed = card.listed;
      if (isNews) this.#onCard.call(this.card);
    } catch (error) {
      this.#context.warn(error);
    }
  }

  /** @param {{creator: string}} push */
  creatorChanged({ creator }) {
    if (!isId(creator)) throw new VestibuleError("bad_frame", "the server names a creator that is no user");
    this.#createdBy(creator);
  }

  /**
   * Publishes the next version of the card.
   *
   * @param {CardChange} change
   * @returns {Promise<import("./checks.js").Card>}
   */
  publish(change) {
    return this.#publishing.run(() => this.#publish(change));
  }

  /** @param {CardChange} change */
  async #publish({ policy, name, listed }) {
    const card = await this.#cards.write({ policy, name });
    const listing = this.#listing(listed);
    await this.#send({ ...cardFrame(card), ...listing });
    await this.take({ ...card, ...listing });
    return card;
  }

  /**
   * @param {string} to the uid of the next creator
   * @param {string} nonce of this join
   * @returns {Promise<void>}
   */
  async handOver(to, nonce) {
    mustBeId("uid", to, "a user");
    if (!this.#features.has("hand_over")) {
      // It would take the event for one of the application's, and forward it.
      throw new VestibuleError("unsupported", "the server is of a version that cannot hand a room over");
    }
    const { server, user, uid } = this.#context;
    const sig = await signFields("hand_over", { server, rid: this.#rid, uid, to, nonce }, user);
    const frame = { to, nonce, sign_pub: toBase64url(user.pub), sign_alg: user.alg, sig };
    // The next join has another nonce: what is lost with this one cannot be repeated as it is.
    await this.#queue.send("hand_over", frame, { as: "member", repeat: false });
    this.#createdBy(to);
  }

  /** A server that was restored from a backup may have an older card than was seen, or none. */
  async #restore(shown) {
    const { card } = this;
    if (!card || card.version <= (shown?.version ?? 0)) return;
    try {
      await this.#send({ ...cardFrame(card), ...this.#listing(this.#listed) });
    } catch (error) {
      if (!NOT_NEEDED.has(error.reason)) throw error;
    }
  }

  /** Publishes a card. Whoever publishes the first one of a room is its creator, which the answer does not say. */
  async #send(frame) {
    const isFirst = !this.#isPublished && this.#features.has("creator");
    const { dup } = await this.#queue.send("card", frame, { as: "member" });
    if (isFirst && !dup) this.#createdBy(this.#context.uid);
    this.#isPublished = true;
  }

  /** A server of 0.1.0 does not know the word, and lists every room that is not secret. */
  #listing(listed) {
    return listed !== undefined && this.#features.has("listed") ? { listed } : {};
  }

  #createdBy(creator) {
    if (creator === this.#creator) return;
    this.#creator = creator;
    this.#onCreator.call(creator);
  }
}
