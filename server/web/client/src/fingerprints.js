/**
 * Words that people read to each other to make sure that they mean the same user or room.
 *
 * Eight words from a list of 2,048 are 88 bits: finding other keys with the same words takes 2^88
 * attempts. Attempts are cheap and can be made in advance, for many victims at once, so fewer words
 * would not be enough.
 */
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { fieldList, fromBase64url, sha256, utf8 } from "./bytes.js";

const WORDS = 8;

/** The list has 2^11 words. */
const BITS_OF_WORD = 11n;

/**
 * The words for a newcomer. They cover the user and the box, so that neither can be replaced.
 *
 * @param {string} uid
 * @param {string} box
 * @returns {Promise<string>} such as `kiwi dove asset vivid robust omit fetch cube`
 */
export function fingerprintOf(uid, box) {
  return wordsOf("vestibule/1/fingerprint", fromBase64url(uid), fromBase64url(box));
}

/**
 * The words for a room. A user who got its id from a stranger or the server compares them with a
 * member's.
 *
 * @param {string} rid
 * @returns {Promise<string>}
 */
export function roomFingerprintOf(rid) {
  return wordsOf("vestibule/1/room-fingerprint", fromBase64url(rid));
}

/**
 * @param {string} tag
 * @param {...Uint8Array} fields
 * @returns {Promise<string>} the first 88 bits of the hash as words
 */
async function wordsOf(tag, ...fields) {
  const hash = await sha256(fieldList(utf8(tag), ...fields));
  const bits = hash.subarray(0, WORDS * 11 / 8).reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  const word = (at) => wordlist[Number((bits >> (BITS_OF_WORD * BigInt(WORDS - 1 - at))) % 2048n)];
  return Array.from({ length: WORDS }, (_, at) => word(at)).join(" ");
}
