/** Fake timers and clocks, which are real again after the test. */
import { onTestFinished, vi } from "vitest";

/** Timers fire only when the test advances them. */
export function stopTimers() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(restore);
}

/** Timers and the clock advance only when the test advances them. */
export function stopTime() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  onTestFinished(restore);
}

/** @param {number} ms what `Date.now()` returns from now on */
export function setClock(ms) {
  vi.setSystemTime(ms);
  onTestFinished(restore);
}

function restore() {
  vi.useRealTimers();
}
