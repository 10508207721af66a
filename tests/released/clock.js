/** What time it is, in a test and in the server that it starts. */
import assert from "node:assert/strict";

const Today = globalThis.Date;

/** How far the server's clock may be from the test's, in milliseconds; a response says whole seconds. */
const TOLERANCE_MS = 10_000;

/**
 * Sets this process's clock, which goes on from there.
 *
 * @param {number} now Unix milliseconds
 * @returns {Record<string, string>} the environment of a server that is to go by it: libfaketime's. Durations stay
 *   real, and a server that is started again finds that the clock has gone on
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
    // $LIB is the dynamic linker's, for the architecture's folder.
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketimeMT.so.1",
    FAKETIME: `${offset < 0 ? "" : "+"}${offset / 1000}`,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

/** @param {string} url of the server; the linker only warns of a library that it does not find */
export async function assertClock(url) {
  const { headers } = await fetch(new URL("/health/live", url));
  const away = Math.abs(Today.parse(headers.get("date")) - Date.now());
  assert.ok(away < TOLERANCE_MS, "the server's clock is not set: tests/released/install.sh installs libfaketime");
}
