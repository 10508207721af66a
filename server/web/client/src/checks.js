/**
 * What a client must check before it believes the server. Nothing else in this package takes a card, a request or
 * an approve from the wire: the checks can't be forgotten, because what follows needs what they return.
 */
import { fromBase64url } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { fingerprintOf } from "./fingerprints.js";
import { boxOf, ridOf, uidOf } from "./ids.js";
import { SIGN_ALGS, SigningKey } from "./keys.js";
import { isPlainText } from "./plain-text.js";
import { BOX_ALG } from "./sealing.js";
import { verifyFields } from "./signed.js";

/**
 * A card's version may be that many milliseconds since 1970 ahead of the time: nobody can publish the last of all. Servers
 * take a day. The hour beyond is for a clock that is slow: whoever publishes the largest version that the server takes must
 * not keep members from the card who are a moment behind it.
 */
const VERSION_AHEAD_MS = 25 * 3_600_000;

/** What is wrong with a name, a note or a code. */
const HIDDEN = "has control or format characters";

/** @typedef {(ok: boolean, what: string) => asserts ok} Check */

/**
 * Runs checks on something from the wire, where any field may be missing or of another type: whatever is thrown
 * then means "bad", with the check that failed as the detail.
 *
 * @template T
 * @param {string} reason
 * @param {(check: Check, failAs: (code: string) => void) => Promise<T>} checks `failAs`
 *   names what a failure from there on means to who sent it
 * @returns {Promise<T>}
 */
async function runChecks(reason, checks) {
  let code;
  const failAs = (name) => (code = name);
  const check = (ok, what) => {
    if (!ok) throw new VestibuleError(reason, what, { code });
  };
  try {
    return await checks(check, failAs);
  } catch (error) {
    if (error instanceof VestibuleError) throw error;
    throw new VestibuleError(reason, "malformed", { cause: error, code });
  }
}

/** @typedef {"open" | "request" | "secret"} Policy */

/**
 * @typedef {object} Card
 * @property {string} rid
 * @property {string} room_pub
 * @property {string} alg
 * @property {number} version
 * @property {Policy} policy
 * @property {string} [name]
 * @property {string} sig
 */

/**
 * @param {any} card as it came
 * @param {string} rid the room it is to be of
 * @param {number} [now] in Unix ms
 * @returns {Promise<Card>}
 */
export async function checkCard(card, rid, now) {
  return checkCardName(await checkSignedCard(card, rid, now));
}

/**
 * Whether a card is the room's, whatever its name: one that is to replace it must go above its version.
 *
 * @param {any} card as it came
 * @param {string} rid the room it is to be of
 * @param {number} [now] in Unix ms
 * @returns {Promise<Card>}
 */
export function checkSignedCard(card, rid, now = Date.now()) {
  return runChecks("bad_card", async (/** @type {Check} */ check) => {
    const pub = fromBase64url(card.room_pub);
    check(card.rid === rid, "another room's");
    check((await ridOf(card.alg, pub)) === rid, "the key is not the room's");
    check(await verifyFields("card", card, card.alg, pub, card.sig), "the signature is wrong");
    check(isCardOfToday(card, now), "the version lies in the future");
    return card;
  });
}

/**
 * @param {Card} card
 * @returns {Card} the same; throws where its name is not what it looks like
 */
export function checkCardName(card) {
  if (!isPlainText(card.name ?? "")) throw new VestibuleError("bad_card", `the name ${HIDDEN}`);
  return card;
}

/**
 * @param {{version: number}} card
 * @param {number} now in Unix ms
 * @returns {boolean} whether its version may be in use already
 */
export function isCardOfToday({ version }, now) {
  return version <= now + VERSION_AHEAD_MS;
}

/**
 * A request that may be approved: what it says is what its user signed.
 *
 * @typedef {object} CheckedRequest
 * @property {string} rid
 * @property {string} request_id
 * @property {string} uid
 * @property {string} box the id of the box, computed here
 * @property {Uint8Array} boxPub
 * @property {string} fingerprint of user and box, to show to the person who approves
 * @property {string | undefined} note
 * @property {number} exp
 */

/**
 * @param {any} item as it came
 * @param {string} rid the room it is to be for
 * @param {number} [now] in Unix ms
 * @returns {Promise<CheckedRequest>}
 */
export function checkRequest(item, rid, now = Date.now()) {
  return runChecks("bad_request", async (/** @type {Check} */ check) => {
    const signPub = fromBase64url(item.sign_pub);
    check(item.rid === rid, "for another room");
    check((await uidOf(item.sign_alg, signPub)) === item.uid, "the key is not the user's");
    check(await verifyFields("request", item, item.sign_alg, signPub, item.sig), "the signature is wrong");
    check(item.exp > now, "expired");
    check(isPlainText(item.note ?? ""), `the note ${HIDDEN}`);
    check(item.box_alg === BOX_ALG, "a box of an unknown kind");
    const boxPub = fromBase64url(item.box_pub);
    const box = await boxOf(item.box_alg, boxPub);
    const fingerprint = await fingerprintOf(item.uid, box);
    const { request_id, uid, note, exp } = item;
    return Object.freeze({ rid, request_id, uid, box, boxPub, fingerprint, note, exp });
  });
}

/**
 * Opens an approve, after every check that can be made on it. What fails has the protocol's code for `nack`, but for
 * what answers nothing of this user's: that is nobody's to judge.
 *
 * @param {any} approve as it came
 * @param {object} asked what this user asked for
 * @param {string} asked.rid
 * @param {string} asked.request_id
 * @param {string} asked.uid
 * @param {import("./sealing.js").BoxKey} asked.box
 * @param {number} [now] in Unix ms
 * @returns {Promise<SigningKey>} the room key
 */
export function openApprove(approve, { rid, request_id, uid, box }, now = Date.now()) {
  return runChecks("bad_approve", async (/** @type {Check} */ check, failAs) => {
    check(approve.rid === rid, "for another room");
    check(approve.request_id === request_id, "for another request");
    check(approve.to === uid, "for another user");
    // Not its approver's fault: the server delivers none that is too old, or one of the clocks is wrong.
    check(approve.exp > now, "expired");
    failAs("undecryptable");
    check(approve.box === box.id, "for another box");
    check(approve.alg === BOX_ALG, "sealed in an unknown way");

    failAs("bad_sig");
    const signPub = fromBase64url(approve.sign_pub);
    check((await uidOf(approve.sign_alg, signPub)) === approve.by, "the key is not the approver's");
    check(
      await verifyFields("approve", approve, approve.sign_alg, signPub, approve.user_sig),
      "the approver's signature is wrong",
    );

    failAs("undecryptable");
    const secret = await box.open(fromBase64url(approve.ct), { rid, request_id, to: uid }).catch(() => null);
    check(secret !== null, "it does not open");
    failAs("wrong_key");
    const roomKey = await roomKeyOf(rid, secret);
    check(roomKey !== null, "the key is not the room's");
    failAs("bad_sig");
    check(
      await verifyFields("approve", approve, roomKey.alg, roomKey.pub, approve.room_sig),
      "the room's signature is wrong",
    );
    return roomKey;
  });
}

/**
 * Whether a denial is a member's, which only the room's key tells.
 *
 * @param {any} denial as it came
 * @param {object} denied what was denied
 * @param {string} denied.rid
 * @param {string} denied.request_id
 * @param {string} denied.to this user
 * @param {Card | null} card of the room; where none was ever seen, anybody could have written the denial
 * @returns {Promise<{by: string, code: string, block: boolean}>}
 */
export function checkDenial(denial, { rid, request_id, to }, card) {
  return runChecks("bad_denial", async (/** @type {Check} */ check) => {
    const { by, code, block } = denial;
    const signed = { rid, request_id, to, by, code, block };
    check(card !== null, "the room's key is not known");
    check(
      await verifyFields("deny", signed, card.alg, fromBase64url(card.room_pub), denial.room_sig),
      "the room's signature is wrong",
    );
    check(isPlainText(code ?? ""), `the code ${HIDDEN}`);
    return { by, code, block: Boolean(block) };
  });
}

/**
 * The 32 bytes do not say of which algorithm they are, but only one of them makes the key that the rid is the hash of.
 *
 * @param {string} rid
 * @param {Uint8Array} secret
 * @returns {Promise<SigningKey | null>}
 */
async function roomKeyOf(rid, secret) {
  for (const alg of SIGN_ALGS) {
    const key = await SigningKey.fromPrivate(alg, secret).catch(() => null);
    if (key && (await ridOf(alg, key.pub)) === rid) return key;
  }
  return null;
}

/**
 * @param {any} made the answer of `POST /v1/rooms`
 * @param {{alg: string, policy: string, name?: string}} asked what was asked for: whoever makes the key can sign any card
 * @param {number} [now] in Unix ms
 * @returns {Promise<{rid: string, key: SigningKey}>} the room that the server made
 */
export function checkMadeRoom(made, { alg, policy, name }, now) {
  return runChecks("bad_room", async (/** @type {Check} */ check) => {
    const key = await roomKeyOf(made.rid, fromBase64url(made.room_key));
    check(key !== null, "the key is not the room's");
    const card = await checkCard(made.card, made.rid, now);
    const isAsked = key.alg === alg && card.policy === policy && (card.name ?? "") === (name ?? "");
    check(isAsked, "not what was asked for");
    return { rid: made.rid, key };
  });
}
