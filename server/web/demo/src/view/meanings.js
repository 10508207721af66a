/**
 * What the fields of a frame are, in words: what the server reads, and what it cannot.
 *
 * @typedef {object} Meaning
 * @property {string} is
 * @property {"sealed" | "signature" | "public" | "plain"} kind
 */

const sealed = (is) => ({ is, kind: "sealed" });
const signature = (is) => ({ is, kind: "signature" });
const open = (is) => ({ is, kind: "public" });
const plain = (is) => ({ is, kind: "plain" });

/** @type {Record<string, Meaning>} */
export const MEANINGS = {
  ct: sealed("ciphertext: the room’s key, sealed to the newcomer’s box (HPKE). Only the box’s private key opens it"),
  sealed: sealed("ciphertext: what was said, sealed with the room’s key (AES-256-GCM)"),
  sig: signature("signature: whoever changes the frame on its way is found out"),
  room_sig: signature("signature with the room’s key: a member made it"),
  user_sig: signature("signature of the member"),
  box_pub: open("public key of the newcomer’s box"),
  sign_pub: open("public key of who signed"),
  room_pub: open("public key of the room"),
  box: open("which box it is sealed to: a hash of its public key"),
  rid: open("the room: a hash of its public key"),
  uid: open("the user: a hash of their public key"),
  by: open("who approved"),
  to: open("whom it is for"),
  nonce: plain("what the proof of this very join signs"),
  note: plain("in the newcomer’s words; the server can read it"),
  name: plain("the room’s name; the server can read it"),
  policy: plain("who may be given the key"),
  request_id: plain("chosen by the newcomer: a repeated request is the same"),
  approve_id: plain("chosen by the member: a repeated approve is the same"),
  device: plain("one installation of a user"),
  exp: plain("until when it counts"),
  seq: plain("the order in which the server stored it"),
  dup: plain("whether the server had it already"),
  attempt: plain("how often it was delivered"),
  after_ms: plain("how long a client that approves by itself waits"),
};
