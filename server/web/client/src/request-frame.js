/**
 * A newcomer's request, as it is kept and said.
 */
import { randomId, toBase64url } from "./bytes.js";
import { BOX_ALG, BoxKey } from "./sealing.js";
import { signFields } from "./signed.js";

/**
 * @typedef {object} AskOptions
 * @property {string} [note] of at most 280 characters, in the clear
 * @property {number} ttl in ms
 * @property {BoxKey} [box] one that this user's devices share; else a new one
 */

/**
 * @param {import("./topic.js").Context} context
 * @param {string} rid
 * @param {AskOptions} options
 * @returns {Promise<import("./records.js").OpenRequest>} not yet saved
 */
export async function writeRequest({ user, uid }, rid, { note, ttl, box }) {
  const boxKey = box ?? (await BoxKey.generate());
  const request_id = randomId();
  const frame = {
    request_id,
    sign_pub: toBase64url(user.pub),
    sign_alg: user.alg,
    box_pub: toBase64url(boxKey.pub),
    box_alg: BOX_ALG,
    exp: Date.now() + ttl,
  };
  if (note) frame.note = note;
  frame.sig = await signFields("request", { ...frame, rid, uid }, user);
  return { request_id, frame, box: boxKey.toStored() };
}
