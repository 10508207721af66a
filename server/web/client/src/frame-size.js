/**
 * Encodes a push as a whole frame to find its size on the wire, which includes names, references
 * and the WebSocket header, and in which a character may be several bytes. Also checks that the
 * server can parse it.
 */
import { utf8 } from "./bytes.js";

/** How deeply nested the server's JSON may be, including the level of the frame itself. */
const MOST_LEVELS = 128;

/** A string in JSON. */
const TEXT = /"(?:[^"\\]|\\.)*"/g;

/** A possible lone surrogate in JSON, and a lone surrogate. */
const ESCAPED_HALF = /\\ud[89a-f]/i;
const HALF = /\p{Cs}/u;

/**
 * @param {any} channel of phoenix.js
 * @param {string} event
 * @param {any} payload
 * @returns {number} the size in bytes of the channel's next push; throws if it cannot be encoded or
 *   parsed
 */
export function encodedSize(channel, event, payload) {
  const { socket, topic } = channel;
  // phoenix.js increments its references, and the next one may be a digit longer.
  const frame = { topic, event, payload: payload || {}, ref: String(socket.ref + 1), join_ref: channel.joinRef() };
  let encoded;
  socket.encode(frame, (result) => (encoded = result));
  if (typeof encoded === "string") mustBeReadable(encoded);
  return sizeOf(encoded, socket.transport);
}

/** @param {string} json a frame; the server would end the connection if it could not parse it */
function mustBeReadable(json) {
  if (levelsOf(json) > MOST_LEVELS) throw new TypeError("too many levels");
  if (ESCAPED_HALF.test(json)) JSON.parse(json, mustBeWhole);
}

function mustBeWhole(name, value) {
  if (HALF.test(name) || (typeof value === "string" && HALF.test(value))) throw new TypeError("half of a character");
  return value;
}

/** @param {string} json @returns {number} */
function levelsOf(json) {
  let [level, most] = [0, 0];
  for (const [bracket] of json.replace(TEXT, "").matchAll(/[[\]{}]/g)) {
    level += bracket === "[" || bracket === "{" ? 1 : -1;
    most = Math.max(most, level);
  }
  return most;
}

/** Counts as the server does. An asynchronous encoder's result is not known yet and counts as 0. */
function sizeOf(encoded, transport) {
  if (encoded === undefined) return 0;
  const bytes = typeof encoded === "string" ? utf8(encoded).length : encoded.byteLength;
  if (!isLongPoll(transport)) return bytes + headerOf(bytes);
  // Long poll sends binary frames in base64.
  return typeof encoded === "string" ? bytes : Math.ceil(bytes / 3) * 4;
}

/**
 * Recognises long poll by its methods: an application may use its own copy of phoenix.js.
 *
 * @param {any} transport
 * @returns {boolean}
 */
export function isLongPoll(transport) {
  return typeof transport?.prototype?.batchSend === "function";
}

/** The size of the WebSocket header of a client's message: flags, length and mask (RFC 6455). */
function headerOf(bytes) {
  if (bytes < 126) return 2 + 4;
  return bytes < 65_536 ? 4 + 4 : 10 + 4;
}
