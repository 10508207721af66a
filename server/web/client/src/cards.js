/**
 * The newest card of one room that this client has seen, in this run or an earlier one. An older
 * card is refused even if its signature is valid, because it would undo what members have decided
 * since. A different card of the same version is refused too, such as one that the server rejected
 * as too late: otherwise the server could show the two alternately.
 */
import { toBase64url } from "./bytes.js";
import { checkCardName, checkSignedCard } from "./checks.js";
import { VestibuleError } from "./errors.js";
import { isPlainText } from "./plain-text.js";
import { Sequence } from "./sequence.js";
import { signFields } from "./signed.js";

/**
 * @param {import("./checks.js").Card} card already checked
 * @param {import("./checks.js").Card | null} newest the newest known card of the room
 * @returns {import("./checks.js").Card}
 */
export function refuseDowngrade(card, newest) {
  if (newest && card.version < newest.version) {
    throw new VestibuleError("card_downgrade", `version ${card.version} arrived after version ${newest.version}`);
  }
  if (newest && card.version === newest.version && !haveSameContent(card, newest)) {
    throw new VestibuleError("card_downgrade", `a different card of version ${card.version}`);
  }
  return card;
}

/**
 * Compares two cards of one room and version. Their signatures may differ, because they are random.
 */
function haveSameContent(one, other) {
  return one.policy === other.policy && nameOf(one) === nameOf(other);
}

/** An absent name and an empty one are the same, and are signed alike. @param {Card} card */
function nameOf({ name }) {
  return name ?? "";
}

/** @typedef {import("./checks.js").Card} Card */

/** Keeps the newest card of one room. */
export class Cards {
  #records;
  #clock;
  #rid;
  /** Takes cards one at a time: each is compared with the one before it. */
  #steps = new Sequence();
  /**
   * The newest card that the room has signed. Its name may be unfit to show, but its other fields
   * count, and the next version must be higher: otherwise no member could rename the room.
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
    /** @type {Card | null} the newest card that may be shown */
    this.newest = null;
  }

  /**
   * @returns {Card["policy"] | undefined} the room's policy, even if its card has a name that is
   *   not shown
   */
  get policy() {
    return this.#signed?.policy;
  }

  /** @returns {Promise<void>} when the newest card of earlier runs is loaded */
  async load() {
    this.#signed = await this.#records.card(this.#rid);
    // Version 0.1.0 accepted any name.
    this.newest = this.#signed && isPlainText(nameOf(this.#signed)) ? this.#signed : null;
  }

  /**
   * @param {any} card as received
   * @returns {Promise<boolean>} whether the card is new; rejects with `bad_card` or
   *   `card_downgrade`
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
   * @param {{policy?: Card["policy"], name?: string | null}} change a field that is left out stays
   *   as it is; an empty name removes the name
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
 * Drops what the server adds, such as whether the room is listed: the room did not sign it.
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
