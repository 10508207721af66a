/**
 * How an own request can end, by the server's answers and its word.
 */

/** Answers that leave nothing to repeat: the same frame would be refused again. */
export const REFUSED = new Set([
  "unknown_room", "id_conflict", "cooldown", "blocked", "quota", "expired", "bad_sig", "bad_payload", "too_large",
]);

/**
 * Nobody needs to wait for the key any more after these; but for a room that a restored store has forgotten.
 */
export const ENDED = new Set([...REFUSED, "denied", "withdrawn"]);

/** States of a request that nobody can approve any more. */
export const FINISHED = new Set(["done", "withdrawn", "expired"]);
