/**
 * What the room key is for: messages that the members read and the server does not.
 *
 * AES-256-GCM under a key that HKDF-SHA-256 (RFC 5869) takes from the room's private key, so that what signs never
 * encrypts. A message says nothing of who wrote it: every member has the same key. The server can repeat a message,
 * hold it back or drop it, but not move it to another event or another room.
 */
import { concat, fieldList, fromBase64url, asBufferSource, toBase64url, utf8 } from "./bytes.js";
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
    const secret = await crypto.subtle.importKey("raw", asBufferSource(roomKey.private), "HKDF", false, ["deriveKey"]);
    const kdf = { name: "HKDF", hash: "SHA-256", salt: asBufferSource(fromBase64url(rid)), info: asBufferSource(utf8(TAG)) };
    const key = await crypto.subtle.deriveKey(kdf, secret, { name: "AES-GCM", length: 256 }, false, [
      "encrypt", "decrypt",
    ]);
    return new MessageKey(fromBase64url(rid), key);
  }

  /**
   * @param {string} event
   * @param {unknown} content what JSON can say
   * @returns {Promise<{sealed: string}>} the payload to send: nonce ‖ ciphertext
   */
  async seal(event, content) {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_LENGTH));
    const sealed = await crypto.subtle.encrypt(this.#how(event, nonce), this.#key, asBufferSource(utf8(textOf(content))));
    return { sealed: toBase64url(concat(nonce, new Uint8Array(sealed))) };
  }

  /**
   * @param {string} event that it came as
   * @param {any} payload
   * @returns {Promise<any>} the content; throws `bad_message` where no member sealed it for this event of this room
   */
  async open(event, payload) {
    try {
      const bytes = fromBase64url(payload?.sealed);
      const [nonce, sealed] = [bytes.subarray(0, NONCE_LENGTH), bytes.subarray(NONCE_LENGTH)];
      const content = await crypto.subtle.decrypt(this.#how(event, nonce), this.#key, asBufferSource(sealed));
      return JSON.parse(decoder.decode(content));
    } catch (cause) {
      throw new VestibuleError("bad_message", "no member sealed it", { cause });
    }
  }

  #how(event, iv) {
    return { name: "AES-GCM", iv: asBufferSource(iv), additionalData: asBufferSource(fieldList(utf8(TAG), this.#rid, utf8(event))) };
  }
}

/**
 * @param {unknown} content
 * @returns {string} its JSON; throws where there is none
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
  throw new VestibuleError("bad_argument", "`content` must be something that JSON can say", { cause });
}
