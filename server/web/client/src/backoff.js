/**
 * Retries what the server refuses for the moment: a little later, and not for ever.
 */

/** Refusals that mean "try again later"; the refused message had no effect. */
const TEMPORARY = new Set(["rate_limited", "unavailable", "overloaded"]);

/** The delay if the refusal names none. */
const DEFAULT_DELAY_MS = 1000;

/** If the server demands a longer wait, the application must decide. */
const MAX_DELAY_MS = 60_000;

/** Spreads the retries of clients that were refused at the same time. */
const JITTER = 0.5;

/** After this many tries the caller gets the refusal. */
const MAX_TRIES = 10;

/**
 * @param {import("./errors.js").VestibuleError} error
 * @param {number} tries made so far
 * @returns {number | null} how long to wait before the next try, at least as long as the server
 *   demands; null to give up
 */
export function retryDelay(error, tries) {
  const { reason, retryMs = DEFAULT_DELAY_MS } = error;
  if (!TEMPORARY.has(reason) || tries >= MAX_TRIES || retryMs > MAX_DELAY_MS) return null;
  return retryMs * (1 + JITTER * Math.random());
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal] aborts the sleep: it rejects with the signal's reason
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
      // A caller that sleeps repeatedly passes the same signal each time.
      signal?.removeEventListener("abort", end);
      resolve(null);
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
