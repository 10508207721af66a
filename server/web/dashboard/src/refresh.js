/**
 * How often the list of rooms is refreshed. This is less often than the figures, because the server
 * reads its database each time.
 */
export const EVERY_MS = 5000;

/** The largest share of time that refreshes may take, so that a slow server is asked less often. */
const MAX_SHARE = 1 / 20;

/**
 * Calls `act` now and repeatedly while the page is visible: not while it is hidden, never twice at
 * once, and on becoming visible again if the next call is due.
 *
 * @param {() => Promise<void>} act handles its own errors
 * @param {number} [everyMs] the pause between two calls; longer if calls take long
 * @param {Document} [page]
 * @returns {() => void} stops the calls
 */
export function refresh(act, everyMs = EVERY_MS, page = document) {
  let timer = null;
  let isRunning = false;
  let hasEnded = false;
  let due = 0;

  const wait = () => {
    clearTimeout(timer);
    if (!hasEnded && !isRunning && !page.hidden) timer = setTimeout(run, Math.max(0, due - performance.now()));
  };
  const run = async () => {
    isRunning = true;
    const began = performance.now();
    try {
      await act();
    } finally {
      isRunning = false;
      const now = performance.now();
      due = now + Math.max(everyMs, (now - began) / MAX_SHARE);
      wait();
    }
  };

  page.addEventListener("visibilitychange", wait);
  wait();
  return () => {
    hasEnded = true;
    clearTimeout(timer);
    page.removeEventListener("visibilitychange", wait);
  };
}
