/**
 * How large a push is on the wire, which only the whole frame tells: names and references count, and a character may be
 * several bytes.
 */
import { LongPoll } from "phoenix";
import { utf8 } from "./bytes.js";

/**
 * @param {any} channel of phoenix.js
 * @param {string} event
 * @param {any} payload
 * @returns {number} the bytes of the frame as the channel's next push; throws where it cannot be encoded
 */
export function encodedSize(channel, event, payload) {
  const { socket, topic } = channel;
  // phoenix.js counts its references up, and the next one may have a digit more.
  const frame = { topic, event, payload: payload || {}, ref: String(socket.ref + 1), join_ref: channel.joinRef() };
  let encoded;
  socket.encode(frame, (result) => (encoded = result));
  return sizeOf(encoded, socket.transport);
}

/** Over long poll bytes travel in base64. What an encoder of the application's gives later is not known yet. */
function sizeOf(encoded, transport) {
  if (encoded === undefined) return 0;
  if (typeof encoded === "string") return utf8(encoded).length;
  return transport === LongPoll ? Math.ceil(encoded.byteLength / 3) * 4 : encoded.byteLength;
}
