/**
 * Messages that the members of a room can read and the server cannot.
 *
 * They are encrypted with AES-256-GCM. HKDF-SHA-256 (RFC 5869) derives the key from the room's
 * private key, so that the signing key never encrypts. A message does not prove who wrote it,
 * because all members have the same key. The server can repeat, delay or drop a message, but not
 * move it to another event or room.
 */
import { bufferSource, concat, fieldList, fromBase64url, toBase64url, utf8 } from "./bytes.js";
import { VestibuleError } from "./errors.js";

const TAG = "vestibule/1/message";
const NONCE_LENGTH = 12;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Seals and opens the messages of one room. */
export class MessageKey {
  #rid;
  #key;

  /** Use {@link MessageKey.of}. */
  constructor(rid, key) {
    this.#rid = rid;
    this.#key = key;
  }

  /**
   * @param {string} rid
   * @param {import("./keys.js").SigningKey} roomKey
   * @returns {Promise<MessageKey>}
   */
  static async of(rid, roomKey) {
    const secret = await crypto.subtle.importKey("raw", bufferSource(roomKey.private), "HKDF", false, ["deriveKey"]);
    const [salt, info] = [fromBase64url(rid), utf8(TAG)].map(bufferSource);
    const kdf = { name: "HKDF", hash: "SHA-256", salt, info };
    const key = await crypto.subtle.deriveKey(kdf, secret, { name: "AES-GCM", length: 256 }, false, [
      "encrypt", "decrypt",
    ]);
    return new MessageKey(fromBase64url(rid), key);
  }

  /**
   * @param {string} event
   * @param {unknown} content a JSON value
   * @returns {Promise<{sealed: string}>} the payload to send: nonce ‖ ciphertext in base64url
   */
  async seal(event, content) {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_LENGTH));
    const plaintext = bufferSource(utf8(textOf(content)));
    const sealed = await crypto.subtle.encrypt(this.#algorithm(event, nonce), this.#key, plaintext);
    return { sealed: toBase64url(concat(nonce, new Uint8Array(sealed))) };
  }

  /**
   * @param {string} event as received
   * @param {any} payload
   * @returns {Promise<any>} the content; throws `bad_message` unless a member sealed it for this
   *   event of this room
   */
  async open(event, payload) {
    try {
      const bytes = fromBase64url(payload?.sealed);
      const [nonce, sealed] = [bytes.subarray(0, NONCE_LENGTH), bytes.subarray(NONCE_LENGTH)];
      const content = await crypto.subtle.decrypt(this.#algorithm(event, nonce), this.#key, bufferSource(sealed));
      return JSON.parse(decoder.decode(content));
    } catch (cause) {
      throw new VestibuleError("bad_message", "no member of the room sealed it", { cause });
    }
  }

  #algorithm(event, iv) {
    const additionalData = bufferSource(fieldList(utf8(TAG), this.#rid, utf8(event)));
    return { name: "AES-GCM", iv: bufferSource(iv), additionalData };
  }
}

/**
 * @param {unknown} content
 * @returns {string} its JSON; throws if it has none
 */
function textOf(content) {
  let text;
  let cause;
  try {
    text = JSON.stringify(content);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  throw new VestibuleError("bad_argument", "`content` must be a JSON value", { cause });
}
