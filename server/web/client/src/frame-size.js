/**
 * What a push is on the wire, which only the whole frame tells. How large it is: names, references and the WebSocket's
 * asBufferSource header count, and a character may be several bytes. And whether the server can read it.
 */
import { utf8 } from "./bytes.js";

/** The server reads JSON of so many levels, the frame's own one among them. */
const MOST_LEVELS = 128;

/** A text in JSON. */
const TEXT = /"(?:[^"\\]|\\.)*"/g;

/** What may be half of a character in JSON, and what is one. */
const ESCAPED_HALF = /\\ud[89a-f]/i;
const HALF = /\p{Cs}/u;

/**
 * @param {any} channel of phoenix.js
 * @param {string} event
 * @param {any} payload
 * @returns {number} the bytes of the frame as the channel's next push; throws where it cannot be encoded, or not read
 */
export function encodedSize(channel, event, payload) {
  const { socket, topic } = channel;
  // phoenix.js counts its references up, and the next one may have a digit more.
  const frame = { topic, event, payload: payload || {}, ref: String(socket.ref + 1), join_ref: channel.joinRef() };
  let encoded;
  socket.encode(frame, (result) => (encoded = result));
  if (typeof encoded === "string") mustBeReadable(encoded);
  return sizeOf(encoded, socket.transport);
}

/** @param {string} json which the server would end the connection for, if it could not read it */
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

/** As the server counts. What an encoder of the application's gives later is not known yet. */
function sizeOf(encoded, transport) {
  if (encoded === undefined) return 0;
  const bytes = typeof encoded === "string" ? utf8(encoded).length : encoded.byteLength;
  if (!isLongPoll(transport)) return bytes + headerOf(bytes);
  // Over long poll bytes travel in base64.
  return typeof encoded === "string" ? bytes : Math.ceil(bytes / 3) * 4;
}

/**
 * By its form: an application may have a phoenix.js of its own beside this package's.
 *
 * @param {any} transport
 * @returns {boolean}
 */
export function isLongPoll(transport) {
  return typeof transport?.prototype?.batchSend === "function";
}

/** What a WebSocket puts before a client's message: its length, in as many bytes as it takes, and a mask (RFC 6455). */
function headerOf(bytes) {
  if (bytes < 126) return 2 + 4;
  return bytes < 65_536 ? 4 + 4 : 10 + 4;
}
