/**
 * The ways in which a request of this user can end.
 */

/** Refusals that would meet the same frame again, so that repeating it is useless. */
export const REFUSED = new Set([
  "unknown_room", "id_conflict", "cooldown", "blocked", "quota", "expired", "bad_sig", "bad_payload", "too_large",
]);

/**
 * Reasons to stop waiting for the key, except for a room that a restored store has lost.
 */
export const ENDED = new Set([...REFUSED, "denied", "withdrawn"]);

/** States of a request that can no longer be approved. */
export const FINISHED = new Set(["done", "withdrawn", "expired"]);
