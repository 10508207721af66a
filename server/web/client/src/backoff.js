/**
 * What to do about the server's "not now": the same thing again, a little later, and not for ever.
 */

/** Refusals that mean "not now"; what was refused had no effect. */
const TEMPORARY = new Set(["rate_limited", "unavailable", "overloaded"]);

/** How long to wait after a "not now" that does not say. */
const DEFAULT_DELAY_MS = 1000;

/** A longer wait is not this package's to decide on. */
const MAX_DELAY_MS = 60_000;

/** So many clients that were told the same do not come back in the same moment. */
const JITTER = 0.5;

/** After so many tries the refusal is the answer. */
const MAX_TRIES = 10;

/**
 * @param {import("./errors.js").VestibuleError} error
 * @param {number} tries made so far
 * @returns {number | null} how long to wait before the next try, never shorter than asked for; null to give up
 */
export function retryDelay(error, tries) {
  const { reason, retryMs = DEFAULT_DELAY_MS } = error;
  if (!TEMPORARY.has(reason) || tries >= MAX_TRIES || retryMs > MAX_DELAY_MS) return null;
  return retryMs * (1 + JITTER * Math.random());
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal] ends it with its reason
 * @returns {Promise<void>}
 */
export async function sleep(ms, signal) {
  signal?.throwIfAborted();
  await new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      // Who sleeps again and again has one signal for all of it.
      signal?.removeEventListener("abort", end);
      resolve(null);
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
