/**
 * Bytes as the protocol encodes them: base64url in JSON, field lists for hashes and signatures.
 */

const encoder = new TextEncoder();

/**
 * @param {Uint8Array} bytes
 * @returns {string} base64url without padding
 */
export function toBase64url(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Decodes strictly, so that each value has one spelling: elsewhere ids are compared as text.
 *
 * @param {string} text base64url without padding
 * @returns {Uint8Array}
 */
export function fromBase64url(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) throw new TypeError("not base64url");
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  if (toBase64url(bytes) !== text) throw new TypeError("base64url with stray bits");
  return bytes;
}

/**
 * @param {string} text
 * @returns {Uint8Array} UTF-8
 */
export function utf8(text) {
  return encoder.encode(text);
}

/**
 * @param {number} integer not negative
 * @returns {Uint8Array} u64 little-endian
 */
export function u64(integer) {
  if (!Number.isSafeInteger(integer) || integer < 0) throw new TypeError("not an unsigned integer");
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(integer), true);
  return bytes;
}

/**
 * @param {...Uint8Array} parts
 * @returns {Uint8Array}
 */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * Encodes everything that is hashed or signed: each field's length as u32 little-endian, then its
 * bytes. The lengths make sure that two adjacent fields cannot be read as two different ones.
 *
 * @param {...Uint8Array} fields
 * @returns {Uint8Array}
 */
export function fieldList(...fields) {
  const framed = fields.flatMap((field) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, field.length, true);
    return [length, field];
  });
  return concat(...framed);
}

/**
 * Satisfies TypeScript, whose WebCrypto types exclude memory that is shared between threads.
 *
 * @param {Uint8Array} bytes
 * @returns {BufferSource} the same bytes
 */
export function bufferSource(bytes) {
  return /** @type {BufferSource} */ (bytes);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>} 32 bytes
 */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bufferSource(bytes)));
}

/** @returns {string} 16 random bytes, for `request_id`, `approve_id` and `device` */
export function randomId() {
  return toBase64url(crypto.getRandomValues(new Uint8Array(16)));
}
