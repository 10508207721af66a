/**
 * Self-certifying ids: each is the hash of the public key that it stands for.
 */
import { fieldList, fromBase64url, sha256, toBase64url, utf8 } from "./bytes.js";

/**
 * @param {unknown} text
 * @returns {boolean} whether it has the form of a `uid`, `rid` or `box`
 */
export function isId(text) {
  return typeof text === "string" && /^[A-Za-z0-9_-]{43}$/.test(text);
}

/**
 * Identifies a request within its room. Each user chooses the ids of their own requests, so two
 * users may choose the same one.
 *
 * @param {string} uid
 * @param {string} requestId
 * @returns {string}
 */
export function requestKey(uid, requestId) {
  return `${uid}/${requestId}`;
}

/**
 * @param {string} tag
 * @param {string} alg
 * @param {Uint8Array} pub
 * @returns {Promise<string>}
 */
async function hashOfKey(tag, alg, pub) {
  return toBase64url(await sha256(fieldList(utf8(tag), utf8(alg), pub)));
}

/**
 * @param {string} alg
 * @param {Uint8Array} pub the user's public signing key
 * @returns {Promise<string>} the `uid`
 */
export function uidOf(alg, pub) {
  return hashOfKey("vestibule/1/uid", alg, pub);
}

/**
 * @param {string} alg
 * @param {Uint8Array} pub the room's public key
 * @returns {Promise<string>} the `rid`
 */
export function ridOf(alg, pub) {
  return hashOfKey("vestibule/1/rid", alg, pub);
}

/**
 * @param {string} alg
 * @param {Uint8Array} pub the public key that approves are sealed to
 * @returns {Promise<string>} the `box`
 */
export function boxOf(alg, pub) {
  return hashOfKey("vestibule/1/box", alg, pub);
}
