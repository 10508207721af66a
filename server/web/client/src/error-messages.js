/**
 * The default messages of errors, by reason.
 */

/** @type {Record<string, string>} */
const MESSAGES = {
  // Reasons of this client.
  bad_argument: "the application passed an invalid argument",
  bad_storage: "the storage cannot be used",
  disconnected: "this client has disconnected",
  failed: "internal error",
  handler_failed: "a handler of the application threw an error",
  in_use: "another connection is using the storage",
  interrupted: "the connection was lost before the server answered",
  not_asked: "this user has no open request for the room's key: call ask() first",
  timeout: "the server did not answer in time",
  unreachable: "the server cannot be reached",
  unsupported: "this server version does not support that",
  wrong_clock: "this device's clock differs from the server's",
  // How a request ended.
  denied: "a member denied the request",
  done: "another device of this user has the key",
  expired: "the request has expired",
  withdrawn: "the request was withdrawn",
  // Reasons of the server.
  bad_login: "the server does not accept the login",
  bad_payload: "the server could not use the message",
  bad_proof: "the server rejected the proof that this client has the room's key",
  bad_sig: "a signature is invalid",
  blocked: "a member has blocked this user's requests",
  box_mismatch: "the approve is not for the request's box",
  closed: "the request has ended or is already approved",
  cooldown: "a member denied this user's request; wait before asking again",
  id_conflict: "the server has a different item with the same id",
  misdirected: "the server does not answer to the name in the URL",
  no_request: "the request does not exist",
  not_creator: "only the room's creator may do that",
  not_member: "only members may do that: the room's key is required",
  overloaded: "the server is overloaded",
  quota: "this user has reached the server's limit",
  rate_limited: "too many messages in a short time",
  slots_full: "the newcomer already has the maximum number of waiting approves",
  stale_nonce: "the signed nonce is too old",
  storage_full: "the server's storage is full",
  too_large: "the message exceeds the server's limit",
  unauthorized: "the server does not accept this session",
  unavailable: "the server cannot do that at the moment",
  unknown_room: "the room is unknown or secret",
  unsupported_version: "the server does not support this protocol version",
  version_conflict: "the room has a newer card",
};

/**
 * @param {string} reason
 * @returns {string | undefined}
 */
export function messageFor(reason) {
  return Object.hasOwn(MESSAGES, reason) ? MESSAGES[reason] : undefined;
}
