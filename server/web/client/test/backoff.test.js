/** Abortable sleep. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "vitest";
import { sleep } from "../src/backoff.js";

test("sleep leaves no listener on the signal", async () => {
  const { signal } = new AbortController();
  await sleep(1, signal);
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("a signal ends a sleep and prevents further ones", async () => {
  const [end, reason] = [new AbortController(), new Error("enough")];
  const sleeping = sleep(2 ** 31 - 1, end.signal);
  end.abort(reason);
  for (const woken of [sleeping, sleep(2 ** 31 - 1, end.signal)]) {
    await assert.rejects(woken, (error) => error === reason);
  }
});
