/** How often rooms are asked for: less often than the figures are told, for each time the server reads its database. */
export const EVERY_MS = 5000;

/** So small a share of the time a refresh may take, so that a server that is slow to answer is asked less often. */
const SHARE = 1 / 20;

/**
 * Does something at once, and again and again while the page is seen: not while it is hidden, never twice at once, and when it is
 * seen again, if the time has come.
 *
 * @param {() => Promise<void>} act deals with what goes wrong in it
 * @param {number} [everyMs] how long after one time the next begins; longer where they take long
 * @param {Document} [page]
 * @returns {() => void} ends it
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
      due = now + Math.max(everyMs, (now - began) / SHARE);
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
