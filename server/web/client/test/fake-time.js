/** Time that a test moves by hand. After the test it goes on by itself again. */
import { onTestFinished, vi } from "vitest";

/** Timers fire only where the test lets time pass. */
export function stopTimers() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(goOn);
}

/** Neither timers nor the clock go on where the test does not let time pass. */
export function stopTime() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  onTestFinished(goOn);
}

/** @param {number} ms what `Date.now()` is from here on */
export function setClock(ms) {
  vi.setSystemTime(ms);
  onTestFinished(goOn);
}

function goOn() {
  vi.useRealTimers();
}
