/** Sets the time of a test and of the server that it starts. */
import assert from "node:assert/strict";

const Today = globalThis.Date;

/**
 * The largest difference between the server's clock and the test's, in milliseconds. Responses
 * contain whole seconds.
 */
const TOLERANCE_MS = 10_000;

/**
 * Sets this process's clock, which then runs on.
 *
 * @param {number} now Unix milliseconds
 * @returns {Record<string, string>} libfaketime's environment variables for a server with the same
 *   clock. Durations stay real, and the clock runs on across restarts of the server
 */
export function setClock(now) {
  const offset = now - Today.now();
  globalThis.Date = class extends Today {
    constructor(...given) {
      super(...(given.length > 0 ? given : [Today.now() + offset]));
    }

    static now() {
      return Today.now() + offset;
    }
  };
  return {
    // The dynamic linker replaces $LIB by the architecture's folder.
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketimeMT.so.1",
    FAKETIME: `${offset < 0 ? "" : "+"}${offset / 1000}`,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

/** @param {string} url of the server; the linker only warns if the library is missing */
export async function assertClock(url) {
  const { headers } = await fetch(new URL("/health/live", url));
  const away = Math.abs(Today.parse(headers.get("date")) - Date.now());
  assert.ok(away < TOLERANCE_MS, "the server's clock is not set: tests/released/install.sh installs libfaketime");
}
