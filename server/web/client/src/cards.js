/**
 * One room's card: the newest that this client has seen, now or in an earlier run. An older one that is good in itself
 * is not taken: whoever shows it would undo what members have decided since. Nor is another one of the same version,
 * such as one that the server has refused as too late: it could show now the one and now the other.
 */
import { toBase64url } from "./bytes.js";
import { checkCardName, checkSignedCard } from "./checks.js";
import { VestibuleError } from "./errors.js";
import { isPlainText } from "./plain-text.js";
import { Sequence } from "./sequence.js";
import { signFields } from "./signed.js";

/**
 * @param {import("./checks.js").Card} card checked
 * @param {import("./checks.js").Card | null} newest that was seen of the room
 * @returns {import("./checks.js").Card}
 */
export function refuseDowngrade(card, newest) {
  if (newest && card.version < newest.version) {
    throw new VestibuleError("card_downgrade", `version ${card.version} came after version ${newest.version}`);
  }
  if (newest && card.version === newest.version && !saySame(card, newest)) {
    throw new VestibuleError("card_downgrade", `another one of version ${card.version}`);
  }
  return card;
}

/** Whether two cards of one room and version do; their signatures may differ, being random. */
function saySame(one, other) {
  return one.policy === other.policy && nameOf(one) === nameOf(other);
}

/** Absent and empty are the same, and are signed as such. @param {Card} card */
function nameOf({ name }) {
  return name ?? "";
}

/** @typedef {import("./checks.js").Card} Card */

/** Keeps a room's card. */
export class Cards {
  #records;
  #clock;
  #rid;
  /** Takes cards one at a time: each is compared with the one before it. */
  #steps = new Sequence();
  /**
   * The newest that the room has signed. It may have a name that is not shown: what it says else counts, and the next
   * version goes above it, or no member could give the room a better name.
   *
   * @type {Card | null}
   */
  #signed = null;

  /**
   * @param {import("./context.js").Context} context
   * @param {string} rid
   */
  constructor({ records, clock }, rid) {
    this.#records = records;
    this.#clock = clock;
    this.#rid = rid;
    /** @type {Card | null} the newest that may be shown */
    this.newest = null;
  }

  /** @returns {Card["policy"] | undefined} the room's, also where its card has a name that is not shown */
  get policy() {
    return this.#signed?.policy;
  }

  /** @returns {Promise<void>} when the newest of earlier runs is known */
  async load() {
    this.#signed = await this.#records.card(this.#rid);
    // Version 0.1.0 took any name.
    this.newest = this.#signed && isPlainText(nameOf(this.#signed)) ? this.#signed : null;
  }

  /**
   * @param {any} card as it came
   * @returns {Promise<boolean>} whether it is news; rejects with `bad_card` or `card_downgrade`
   */
  take(card) {
    return this.#steps.run(async () => {
      const signed = signedPartOf(await checkSignedCard(card, this.#rid, this.#clock.now()));
      this.#signed = refuseDowngrade(signed, this.#signed);
      checkCardName(signed);
      if (this.newest?.sig === signed.sig) return false;
      await this.#records.saveCard(signed);
      this.newest = signed;
      return true;
    });
  }

  /**
   * @param {{policy?: Card["policy"], name?: string | null}} change what is left out stays as it is; an empty name is
   *   none
   * @returns {Promise<Card>} the next version, signed
   */
  async write({ policy = this.policy, name = this.newest?.name }) {
    if (!policy) throw new VestibuleError("bad_payload", "the first card of a room must have a policy");
    const key = await this.#records.memberKey(this.#rid);
    const fields = { rid: this.#rid, version: (this.#signed?.version ?? 0) + 1, policy };
    if (name) fields.name = name;
    const sig = await signFields("card", fields, key);
    return { ...fields, room_pub: toBase64url(key.pub), alg: key.alg, sig };
  }
}

/**
 * What the server says beside it, such as whether the room is listed, is not the room's word.
 *
 * @param {Card} card
 * @returns {Card}
 */
function signedPartOf({ rid, room_pub, alg, version, policy, name, sig }) {
  const unnamed = { rid, room_pub, alg, version, policy, sig };
  return name ? { ...unnamed, name } : unnamed;
}

/**
 * @param {Card} card
 * @returns {object} the payload of the `card` event
 */
export function cardFrame({ version, policy, name, sig }) {
  return name ? { version, policy, name, sig } : { version, policy, sig };
}
