/**
 * The checks that a client must make before it believes the server. No other part of this package
 * accepts a card, a request or an approve from the wire. The checks cannot be skipped, because
 * later steps need what they return.
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
 * A card's version may be ahead of the time (in milliseconds since 1970) by no more than this, so
 * that nobody can publish a version that no other can exceed. Servers allow a day. The extra hour
 * is for slow clocks: otherwise somebody who publishes the highest version that the server accepts
 * would hide the card from members whose clocks are slightly behind.
 */
const VERSION_AHEAD_MS = 25 * 3_600_000;

/** The fault of a name, a note or a code that is not plain text. */
const HIDDEN = "contains control or format characters";

/** @typedef {(ok: boolean, what: string) => asserts ok} Check */

/**
 * Runs checks on something from the wire, where any field may be missing or of the wrong type.
 * Whatever they throw becomes an error with this reason, and with the failed check as its detail.
 *
 * @template T
 * @param {string} reason
 * @param {(check: Check, failAs: (code: string) => void) => Promise<T>} checks `failAs` sets the
 *   code that the sender gets for any later failure
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
 * @param {any} card as received
 * @param {string} rid the room that the card must belong to
 * @param {number} [now] in Unix ms
 * @returns {Promise<Card>}
 */
export async function checkCard(card, rid, now) {
  return checkCardName(await checkSignedCard(card, rid, now));
}

/**
 * Checks everything but the card's name. A card that fails only on its name still counts, because
 * the next one must have a higher version.
 *
 * @param {any} card as received
 * @param {string} rid the room that the card must belong to
 * @param {number} [now] in Unix ms
 * @returns {Promise<Card>}
 */
export function checkSignedCard(card, rid, now = Date.now()) {
  return runChecks("bad_card", async (/** @type {Check} */ check) => {
    const pub = fromBase64url(card.room_pub);
    check(card.rid === rid, "it belongs to another room");
    check((await ridOf(card.alg, pub)) === rid, "the key does not match the room's id");
    check(await verifyFields("card", card, card.alg, pub, card.sig), "the signature is invalid");
    check(isCardOfToday(card, now), "the version is in the future");
    return card;
  });
}

/**
 * @param {Card} card
 * @returns {Card} the same card; throws if its name contains hidden characters
 */
export function checkCardName(card) {
  if (!isPlainText(card.name ?? "")) throw new VestibuleError("bad_card", `the name ${HIDDEN}`);
  return card;
}

/**
 * @param {{version: number}} card
 * @param {number} now in Unix ms
 * @returns {boolean} whether its version is low enough to be in use already
 */
export function isCardOfToday({ version }, now) {
  return version <= now + VERSION_AHEAD_MS;
}

/**
 * A request that may be approved: its user has signed all of it.
 *
 * @typedef {object} CheckedRequest
 * @property {string} rid
 * @property {string} request_id
 * @property {string} uid
 * @property {string} box the box's id, computed by this client
 * @property {Uint8Array} boxPub
 * @property {string} fingerprint of user and box, to show to the approving person
 * @property {string | undefined} note
 * @property {number} exp
 */

/**
 * @param {any} item as received
 * @param {string} rid the room that the request must be for
 * @param {number} [now] in Unix ms
 * @returns {Promise<CheckedRequest>}
 */
export function checkRequest(item, rid, now = Date.now()) {
  return runChecks("bad_request", async (/** @type {Check} */ check) => {
    const signPub = fromBase64url(item.sign_pub);
    check(item.rid === rid, "it is for another room");
    check((await uidOf(item.sign_alg, signPub)) === item.uid, "the key does not match the user's id");
    check(await verifyFields("request", item, item.sign_alg, signPub, item.sig), "the signature is invalid");
    check(item.exp > now, "it has expired");
    check(isPlainText(item.note ?? ""), `the note ${HIDDEN}`);
    check(item.box_alg === BOX_ALG, "unknown box algorithm");
    const boxPub = fromBase64url(item.box_pub);
    const box = await boxOf(item.box_alg, boxPub);
    const fingerprint = await fingerprintOf(item.uid, box);
    const { request_id, uid, note, exp } = item;
    return Object.freeze({ rid, request_id, uid, box, boxPub, fingerprint, note, exp });
  });
}

/**
 * What the server says about whoever asks. Nobody has signed it.
 *
 * @typedef {object} ServerSays
 * @property {string} account the account with which the newcomer was signed in
 */

/**
 * @param {any} item a request as received
 * @returns {Readonly<ServerSays> | undefined} undefined if the server says nothing, or nothing that
 *   can be shown
 */
export function serverSaysOf(item) {
  const account = item.server_says?.account;
  if (typeof account !== "string" || account === "" || !isPlainText(account)) return undefined;
  return Object.freeze({ account });
}

/**
 * Opens an approve after checking all of it. A failure carries the protocol's `nack` code, unless
 * the approve does not answer a request of this user: then there is nothing to nack.
 *
 * @param {any} approve as received
 * @param {object} asked this user's request
 * @param {string} asked.rid
 * @param {string} asked.request_id
 * @param {string} asked.uid
 * @param {import("./sealing.js").BoxKey} asked.box
 * @param {number} [now] in Unix ms
 * @returns {Promise<SigningKey>} the room key
 */
export function openApprove(approve, { rid, request_id, uid, box }, now = Date.now()) {
  return runChecks("bad_approve", async (/** @type {Check} */ check, failAs) => {
    check(approve.rid === rid, "it is for another room");
    check(approve.request_id === request_id, "it is for another request");
    check(approve.to === uid, "it is for another user");
    // Not the approver's fault: either the server delivered an old approve, or a clock is wrong.
    check(approve.exp > now, "it has expired");
    failAs("undecryptable");
    check(approve.box === box.id, "it is for another box");
    check(approve.alg === BOX_ALG, "unknown sealing algorithm");

    failAs("bad_sig");
    const signPub = fromBase64url(approve.sign_pub);
    check((await uidOf(approve.sign_alg, signPub)) === approve.by, "the key does not match the approver's id");
    check(
      await verifyFields("approve", approve, approve.sign_alg, signPub, approve.user_sig),
      "the approver's signature is invalid",
    );

    failAs("undecryptable");
    const secret = await box.open(fromBase64url(approve.ct), { rid, request_id, to: uid }).catch(() => null);
    check(secret !== null, "it cannot be decrypted");
    failAs("wrong_key");
    const roomKey = await roomKeyOf(rid, secret);
    check(roomKey !== null, "the key does not match the room's id");
    failAs("bad_sig");
    check(
      await verifyFields("approve", approve, roomKey.alg, roomKey.pub, approve.room_sig),
      "the room's signature is invalid",
    );
    return roomKey;
  });
}

/**
 * Checks that a member wrote a denial, which only the room's key can prove.
 *
 * @param {any} denial as received
 * @param {object} denied the denied request
 * @param {string} denied.rid
 * @param {string} denied.request_id
 * @param {string} denied.to this user
 * @param {Card | null} card of the room; if none was ever seen, anybody could have written the
 *   denial
 * @returns {Promise<{by: string, code: string, block: boolean}>}
 */
export function checkDenial(denial, { rid, request_id, to }, card) {
  return runChecks("bad_denial", async (/** @type {Check} */ check) => {
    const { by, code, block } = denial;
    const signed = { rid, request_id, to, by, code, block };
    check(card !== null, "the room's key is unknown");
    check(
      await verifyFields("deny", signed, card.alg, fromBase64url(card.room_pub), denial.room_sig),
      "the room's signature is invalid",
    );
    check(isPlainText(code ?? ""), `the code ${HIDDEN}`);
    return { by, code, block: Boolean(block) };
  });
}

/**
 * The 32 bytes do not name their algorithm, but only one algorithm derives the key whose hash is
 * the rid.
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
 * @param {any} made the response of `POST /v1/rooms`
 * @param {{alg: string, policy: string, name?: string}} asked what this client requested: a server
 *   that makes the key can sign any card
 * @param {number} [now] in Unix ms
 * @returns {Promise<{rid: string, key: SigningKey}>} the room that the server created
 */
export function checkMadeRoom(made, { alg, policy, name }, now) {
  return runChecks("bad_room", async (/** @type {Check} */ check) => {
    const key = await roomKeyOf(made.rid, fromBase64url(made.room_key));
    check(key !== null, "the key does not match the room's id");
    const card = await checkCard(made.card, made.rid, now);
    const isAsked = key.alg === alg && card.policy === policy && (card.name ?? "") === (name ?? "");
    check(isAsked, "the room differs from what was requested");
    return { rid: made.rid, key };
  });
}
