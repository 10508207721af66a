/**
 * A newcomer's request, as it is stored and sent.
 */
import { must, mustBeOptions, mustBePlain } from "./arguments.js";
import { randomId, toBase64url } from "./bytes.js";
import { BOX_ALG, BoxKey } from "./sealing.js";
import { signFields } from "./signed.js";

/**
 * The protocol's maximum lifetime of a request, in ms. Clients do not sign for longer, whatever the
 * server allows.
 */
export const LONGEST_EXP_MS = 30 * 86_400_000;

/**
 * The share of the server's maximum lifetime that is used; the rest allows for differing clocks.
 */
const TTL_SHARE = 0.95;

/**
 * @param {number} exp_ms the server's maximum lifetime of a request
 * @returns {number} how long a request may last, in ms
 */
export function longestTtl(exp_ms) {
  return Math.floor(Math.min(exp_ms, LONGEST_EXP_MS) * TTL_SHARE);
}

/**
 * @typedef {object} AskOptions
 * @property {string} [note] of at most 280 characters, which the server can read
 * @property {number} ttl in ms
 * @property {BoxKey} [box] a box that this user's devices share; default: a new one
 */

/**
 * @param {{note?: string, ttl?: number, box?: BoxKey}} options from the application
 * @param {{exp_ms: number, note: number}} limits of the server
 * @returns {AskOptions} the checked options; throws if they are invalid or the server would not
 *   accept them
 */
export function requestOptions(options, limits) {
  mustBeOptions("options", options);
  const { note, ttl = longestTtl(limits.exp_ms), box } = options;
  mustBePlain("note", note, limits.note);
  const longest = Math.min(limits.exp_ms, LONGEST_EXP_MS);
  const isTtl = Number.isSafeInteger(ttl) && ttl > 0 && ttl <= longest;
  must(isTtl, "ttl", `a positive integer of at most ${longest} milliseconds`);
  must(box === undefined || box instanceof BoxKey, "box", "a BoxKey");
  return { note, ttl: Math.min(ttl, longestTtl(limits.exp_ms)), box };
}

/**
 * @param {import("./context.js").Context} context
 * @param {string} rid
 * @param {AskOptions} options
 * @returns {Promise<import("./records.js").OpenRequest>} not yet saved
 */
export async function writeRequest({ user, uid, clock }, rid, { note, ttl, box }) {
  const boxKey = box ?? (await BoxKey.generate());
  const request_id = randomId();
  const frame = {
    request_id,
    sign_pub: toBase64url(user.pub),
    sign_alg: user.alg,
    box_pub: toBase64url(boxKey.pub),
    box_alg: BOX_ALG,
    exp: clock.now() + Math.min(ttl, LONGEST_EXP_MS),
  };
  if (note) frame.note = note;
  frame.sig = await signFields("request", { ...frame, rid, uid }, user);
  return { request_id, frame, box: boxKey.toStored() };
}
