/**
 * The reasons of errors, for people: what an error says whose own words are missing.
 */

/** @type {Record<string, string>} */
const MESSAGES = {
  // The client's own.
  bad_argument: "the application called this client with something that it cannot use",
  bad_storage: "what is in the storage cannot be used",
  disconnected: "this client has disconnected",
  failed: "something went wrong inside this client",
  handler_failed: "a handler of the application failed",
  in_use: "another connection uses the storage",
  interrupted: "the connection was lost before there was an answer",
  not_asked: "no request of this user for the room's key is open: call ask() first",
  timeout: "the server did not answer in time",
  unreachable: "no server answers",
  unsupported: "the server is of a version that cannot do that",
  wrong_clock: "this device's clock and the server's differ",
  // How a request ended.
  denied: "a member denied the request",
  done: "another device of this user has taken the key",
  expired: "its time is over",
  withdrawn: "the request was taken back",
  // The server's.
  bad_payload: "the server cannot use what it was sent",
  bad_proof: "the server does not take the proof that this client has the room's key",
  bad_sig: "a signature is wrong",
  blocked: "a member keeps this user from asking until another lifts that",
  box_mismatch: "the approve is for another box than the request's",
  closed: "the request has ended, or has been approved already",
  cooldown: "this user was denied and cannot ask again yet",
  id_conflict: "the server has another one of the same id",
  misdirected: "the server does not go by the name that it was addressed by",
  no_request: "there is no such request",
  not_creator: "only the room's creator can do that",
  not_member: "the room's key is needed for that",
  overloaded: "the server has too much to do",
  quota: "this user has as many as the server allows",
  rate_limited: "this came too soon after the last",
  slots_full: "as many approves as the server takes wait for this newcomer already",
  stale_nonce: "what was signed is too old",
  storage_full: "the server's storage is full",
  too_large: "it is larger than the server takes",
  unauthorized: "the server does not take this session",
  unavailable: "the server cannot do that now",
  unknown_room: "the server knows no such room, or shows it to nobody",
  unsupported_version: "the server speaks another version of the protocol",
  version_conflict: "the room has a newer card",
};

/**
 * @param {string} reason
 * @returns {string | undefined}
 */
export function messageFor(reason) {
  return Object.hasOwn(MESSAGES, reason) ? MESSAGES[reason] : undefined;
}
