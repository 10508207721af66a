/**
 * Sentences for the reasons of refusals and errors, in the words of somebody who only uses the
 * page. The first sentence of each can stand alone.
 */

/** @type {Record<string, string>} */
export const WORDS = {
  // What the server refuses.
  bad_login: "Your login is not valid, or is over. Sign in anew where you got it.",
  bad_payload: "The server could not read the message. This page may be older than the server: reload it.",
  bad_proof: "The room’s key is not the right one. Ask a member for it again.",
  bad_sig: "A signature is wrong. Somebody may have changed the message on its way.",
  blocked: "A member has blocked your requests. Only a member can lift that.",
  box_mismatch: "The key is not encrypted for this request. Ask the newcomer to ask again.",
  closed: "This request is already answered. There is nothing more to do.",
  cooldown: "A member denied your request. You can ask again later.",
  expired: "Nobody answered in time. You can ask again.",
  id_conflict: "The server has another message with this number. Try again.",
  no_request: "There is no such request. It may have been withdrawn, or answered by another member.",
  not_creator: "Only the room’s creator may do that.",
  not_member: "Only members may do that. Ask for the room’s key first.",
  overloaded: "The server has too much to do. Try again in a moment.",
  quota: "The server stores no more for you. Answer or withdraw older requests first.",
  rate_limited: "That was too fast. Wait a moment, then try again.",
  slots_full: "Enough keys already wait for this newcomer. There is nothing more to do.",
  stale_nonce: "The connection has changed meanwhile. Try again.",
  storage_full: "The server’s disk is full. Its operator has to make room.",
  too_large: "That is too long for the server.",
  unauthorized: "The server does not let you do that. Going offline and online signs you in again.",
  unavailable: "The server cannot do that now. Try again in a moment.",
  unknown_room: "There is no room with this address. It may be secret or deleted, or the link is incomplete.",
  unsupported_version: "The server speaks another version of the protocol. Reload this page.",
  version_conflict: "Somebody else changed the room at the same time. Try again.",
  misdirected: "The server does not answer to this name. Its operator can set the name with --name.",
  // What Phoenix and channels by configuration refuse.
  "unmatched topic": "This server has no such channel.",
  "too many channels joined": "This connection has joined too many channels. Leave one first.",
  "join crashed": "The server made a mistake. Try again in a moment.",
  not_allowed: "This channel does not let you send that.",
  channel_closed: "The server has closed the channel. You can try to enter again.",
  // How a request ends.
  denied: "A member denied the request. Another member may still approve it.",
  done: "Another device of yours has the key.",
  withdrawn: "The request was withdrawn. You can ask again.",
  // What goes wrong on the way, or in this browser.
  bad_argument: "This page has made a mistake. Reload it.",
  bad_approve: "A member sent something that is not the room’s key. Another member may still send it.",
  bad_card: "The room’s description is not genuine. The page ignores it.",
  bad_denial: "A denial is not genuine. The page ignores it.",
  bad_frame: "The server sent something unreadable. The page ignores it.",
  bad_message: "A message is not from a member. The page ignores it.",
  bad_request: "A request is not genuine. The page ignores it.",
  bad_room: "This is not a room’s address. The link may be incomplete.",
  bad_storage: "This browser’s storage cannot be used. It may be full or switched off.",
  card_downgrade: "The server sent an older description of the room. The page ignores it.",
  disconnected: "You are offline. Go online first.",
  failed: "Something went wrong in this page. Reload it.",
  handler_failed: "Something went wrong in this page. Reload it.",
  in_use: "Another window of this browser is using the same storage.",
  interrupted: "The connection was lost before the server answered. Try again.",
  not_asked: "There is no open request. Ask for the key first.",
  timeout: "The server did not answer in time. It may have been done nevertheless.",
  unreachable: "The server cannot be reached.",
  unsupported: "This server is too old for that.",
  wrong_clock: "This device’s clock is wrong. Set it, then try again.",
};

const OTHER = "That did not work. Try again in a moment.";

/** Denied newcomers wait for hours, everybody else for seconds. */
const HOUR_MS = 3_600_000;

/**
 * @param {{reason?: string, retryMs?: number, retry_ms?: number}} refusal of the client or, as it
 *   came, of the server
 * @returns {string}
 */
export function wordsFor({ reason, retryMs, retry_ms }) {
  const wait = retryMs ?? retry_ms;
  if (reason === "cooldown" && wait > 0) {
    const hours = Math.ceil(wait / HOUR_MS);
    return `A member denied your request. You can ask again in ${hours} ${hours === 1 ? "hour" : "hours"}.`;
  }
  return Object.hasOwn(WORDS, reason ?? "") ? WORDS[reason] : OTHER;
}

/**
 * @param {string} reason
 * @returns {string} the first sentence, to go on with after a colon
 */
export function inShort(reason) {
  const [first] = wordsFor({ reason }).split(/[.:] |\.$/);
  return first[0].toLowerCase() + first.slice(1);
}
