/**
 * What is known of a room: its card, whether the directory lists it, and its creator. The room key
 * signs the card; the rest is only the server's word, on which no key depends.
 *
 * Only the creator may change the policy and the listing, or hand over the room. Any member may
 * rename the room. Members publish the newest card again if the server has lost it.
 */
import { mustBeId } from "./arguments.js";
import { toBase64url } from "./bytes.js";
import { Cards, cardFrame } from "./cards.js";
import { VestibuleError } from "./errors.js";
import { Handlers } from "./handlers.js";
import { isId } from "./ids.js";
import { Sequence } from "./sequence.js";
import { signFields } from "./signed.js";

/**
 * Expected refusals of a restored card: another member was faster, or only the creator may restore
 * it.
 */
const NOT_NEEDED = new Set(["version_conflict", "not_creator"]);

/**
 * @typedef {object} CardChange
 * @property {import("./checks.js").Policy} [policy] default: unchanged
 * @property {string | null} [name] default: unchanged; an empty string or null removes the name
 * @property {boolean} [listed] whether the directory shows the room; default: unchanged
 */

/** The card, listing and creator of one room. */
export class RoomInfo {
  #context;
  #rid;
  #queue;
  #cards;
  #onCard;
  #onCreator;
  /** What the server can do beyond version 0.1.0, as its join reply said. @type {Set<string>} */
  #features = new Set();
  /** Whether the server has a card of the room, as far as this join shows. */
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

  /** @returns {import("./checks.js").Card | null} the newest checked card */
  get card() {
    return this.#cards.newest;
  }

  /**
   * @returns {import("./checks.js").Policy | undefined} from the newest card, even if its name is
   *   not shown
   */
  get policy() {
    return this.#cards.policy;
  }

  /** @returns {boolean | undefined} undefined if the server has not said */
  get listed() {
    return this.#listed;
  }

  /**
   * @returns {string | undefined} the uid; undefined if the server has not said or does not know
   */
  get creator() {
    return this.#creator;
  }

  /** @returns {boolean} */
  get isCreator() {
    return this.#creator === this.#context.uid;
  }

  /**
   * @param {(card: import("./checks.js").Card) => unknown} handler called when the room has a new
   *   card
   * @returns {() => void} removes the handler
   */
  onCard(handler) {
    return this.#onCard.add(handler);
  }

  /**
   * @param {(creator: string | undefined) => unknown} handler called when the creator becomes known
   *   or changes
   * @returns {() => void} removes the handler
   */
  onCreator(handler) {
    return this.#onCreator.add(handler);
  }

  /** @returns {Promise<void>} when the newest card of earlier runs is loaded */
  load() {
    return this.#cards.load();
  }

  /**
   * @param {any} reply of the join
   * @returns {Promise<void>} when its card is handled
   */
  joined({ features = [], card }) {
    this.#features = new Set(features);
    this.#isPublished = false;
    return this.take(card);
  }

  /**
   * @param {any} proven the reply to the proof
   * @param {any} reply of the join
   * @returns {Promise<void>} when its card is handled
   */
  async proven({ card, creator, listed }, reply) {
    this.#setCreator(creator);
    await this.take(card && { ...card, listed });
    this.#restore(card ?? reply.card).catch((error) => this.#context.warn(error));
  }

  /**
   * Accepts a card if it passes the checks and is not older than the known one.
   *
   * @param {any} card as received
   * @returns {Promise<void>}
   */
  async take(card) {
    if (!card) return;
    this.#isPublished = true;
    try {
      const isNew = await this.#cards.take(card);
      if (typeof card.listed === "boolean") this.#listed = card.listed;
      if (isNew) this.#onCard.call(this.card);
    } catch (error) {
      this.#context.warn(error);
    }
  }

  /** @param {{creator: string}} push */
  creatorChanged({ creator }) {
    if (!isId(creator)) throw new VestibuleError("bad_frame", "the server named a creator with an invalid uid");
    this.#setCreator(creator);
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
      // An old server would forward the event as one of the application's.
      throw new VestibuleError("unsupported", "this server version cannot hand over a room");
    }
    const { server, user, uid } = this.#context;
    const sig = await signFields("hand_over", { server, rid: this.#rid, uid, to, nonce }, user);
    const frame = { to, nonce, sign_pub: toBase64url(user.pub), sign_alg: user.alg, sig };
    // The next join has another nonce, so this frame cannot be repeated in it.
    await this.#queue.send("hand_over", frame, { as: "member", repeat: false });
    this.#setCreator(to);
  }

  /** A server restored from a backup may have an older card than this client has seen, or none. */
  async #restore(shown) {
    const { card } = this;
    if (!card || card.version <= (shown?.version ?? 0)) return;
    try {
      await this.#send({ ...cardFrame(card), ...this.#listing(this.#listed) });
    } catch (error) {
      if (!NOT_NEEDED.has(error.reason)) throw error;
    }
  }

  /**
   * Publishes a card. The first card's publisher becomes the room's creator, which the reply does
   * not say.
   */
  async #send(frame) {
    const isFirst = !this.#isPublished && this.#features.has("creator");
    const { dup } = await this.#queue.send("card", frame, { as: "member" });
    if (isFirst && !dup) this.#setCreator(this.#context.uid);
    this.#isPublished = true;
  }

  /** A 0.1.0 server does not know this field, and lists every room that is not secret. */
  #listing(listed) {
    return listed !== undefined && this.#features.has("listed") ? { listed } : {};
  }

  #setCreator(creator) {
    if (creator === this.#creator) return;
    this.#creator = creator;
    this.#onCreator.call(creator);
  }
}
