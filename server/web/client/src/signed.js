/**
 * The signed fields of each frame. Fields are named and encoded as on the wire, with binary values
 * in base64url, so that a frame can be passed as the fields.
 */
import { fieldList, fromBase64url, toBase64url, u64, utf8 } from "./bytes.js";
import { verify } from "./keys.js";

/**
 * @typedef {"session" | "prove" | "card" | "request" | "approve" | "deny" | "hand_over"} SignedKind
 */

const binary = fromBase64url;
const integer = u64;
/** An absent flag is false. */
const flag = (value) => {
  if (value !== undefined && typeof value !== "boolean") throw new TypeError("not a flag");
  return u64(value ? 1 : 0);
};
/** An absent text is empty. */
const text = (value) => {
  if (value !== undefined && value !== null && typeof value !== "string") throw new TypeError("not a text");
  return utf8(value ?? "");
};

/**
 * The fields of each kind, in signing order.
 *
 * @type {Record<SignedKind, Record<string, (value: any) => Uint8Array>>}
 */
const LAYOUTS = {
  session: { server: text, uid: binary, nonce: binary },
  prove: { server: text, rid: binary, uid: binary, nonce: binary },
  card: { rid: binary, version: integer, policy: text, name: text },
  request: {
    rid: binary, uid: binary, request_id: binary, box_alg: text, box_pub: binary, note: text, exp: integer,
  },
  approve: {
    rid: binary, request_id: binary, approve_id: binary, to: binary, by: binary, box: binary, alg: text, ct: binary,
    exp: integer,
  },
  deny: { rid: binary, request_id: binary, to: binary, by: binary, code: text, block: flag },
  hand_over: { server: text, rid: binary, uid: binary, to: binary, nonce: binary },
};

/**
 * @param {SignedKind} kind
 * @param {Record<string, any>} fields must include the fields of the kind; others are ignored
 * @returns {Uint8Array}
 */
export function signedBytes(kind, fields) {
  const encoded = Object.entries(LAYOUTS[kind]).map(([name, encode]) => encode(fields[name]));
  return fieldList(utf8(`vestibule/1/${kind}`), ...encoded);
}

/**
 * @param {SignedKind} kind
 * @param {object} fields
 * @param {import("./keys.js").SigningKey} key
 * @returns {Promise<string>} the signature, in base64url
 */
export async function signFields(kind, fields, key) {
  return toBase64url(await key.sign(signedBytes(kind, fields)));
}

/**
 * @param {SignedKind} kind
 * @param {object} fields
 * @param {string} alg
 * @param {Uint8Array} pub
 * @param {string} sig in base64url
 * @returns {Promise<boolean>}
 */
export function verifyFields(kind, fields, alg, pub, sig) {
  return verify(alg, pub, signedBytes(kind, fields), fromBase64url(sig));
}
