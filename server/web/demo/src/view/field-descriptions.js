/**
 * Descriptions of a frame's fields: which of them the server can read, and which it cannot.
 *
 * @typedef {object} FieldDescription
 * @property {string} text
 * @property {"sealed" | "signature" | "public" | "plain"} kind
 */

const sealed = (text) => ({ text, kind: "sealed" });
const signature = (text) => ({ text, kind: "signature" });
const open = (text) => ({ text, kind: "public" });
const plain = (text) => ({ text, kind: "plain" });

/** @type {Record<string, FieldDescription>} */
export const FIELDS = {
  ct: sealed("ciphertext: the room’s key, encrypted for the newcomer’s box (HPKE). Only the box’s private key opens it"),
  sealed: sealed("ciphertext: the message, encrypted with the room’s key (AES-256-GCM)"),
  sig: signature("signature: reveals any change to the frame on its way"),
  room_sig: signature("signature with the room’s key, which only members can make"),
  user_sig: signature("signature of the approving member"),
  box_pub: open("public key of the newcomer’s box"),
  sign_pub: open("public key of the signer"),
  room_pub: open("public key of the room"),
  box: open("the box that the key is encrypted for: a hash of its public key"),
  rid: open("the room: a hash of its public key"),
  uid: open("the user: a hash of their public key"),
  by: open("the approving member"),
  to: open("the newcomer"),
  nonce: plain("random value that the proof of this join signs"),
  note: plain("the newcomer’s own words; the server can read them"),
  name: plain("the room’s name; the server can read it"),
  policy: plain("how the room’s key may be requested"),
  request_id: plain("chosen by the newcomer; a repeated request has the same id"),
  approve_id: plain("chosen by the member; a repeated approve has the same id"),
  device: plain("one installation of a user"),
  exp: plain("expiry time"),
  seq: plain("sequence number in the server’s store"),
  dup: plain("whether the server already had it"),
  attempt: plain("number of deliveries so far"),
  after_ms: plain("how long an automatic approver waits, in milliseconds"),
};
