/**
 * The time, as far as it can be known: this device's clock, corrected by what the server says.
 *
 * Devices start with the wrong year, and servers may lie. So the correction is bounded, it is told where it is large,
 * and nothing is deleted on the server's word alone: see {@link Clock#isSurelyPast} and
 * `docs/decisions/0013-the-time-is-the-servers-within-bounds.md`.
 */
import { VestibuleError } from "./errors.js";

/** No clock that shows an earlier time is right: this code is younger. */
const EARLIEST = Date.UTC(2026, 0, 1);

/** The largest difference that is taken for an error of this device's clock, where that shows a possible time. */
const LARGEST_MS = 366 * 86_400_000;

/** No server is asked the time after this one, whatever this device's clock shows. */
const LATEST = Date.UTC(2100, 0, 1);

/** An answer that took longer does not tell the time. */
const LONGEST_ROUND_TRIP_MS = 60_000;

/** Clocks that differ by less are not worth a word. */
const TOLERANCE_MS = 120_000;

/** Refusals that a wrong clock may be the cause of. */
const OF_TIME = new Set(["expired", "bad_payload"]);

/** One connection's clock. */
export class Clock {
  #warn;
  /** What is added to this device's time. */
  #correction = 0;
  /** The server's time less this device's, taken or not. */
  #difference = 0;
  /** The difference that was warned of last. */
  #warned = 0;
  /** {@link startOfClock} as the server's time was heard: another one where the clock was set since. */
  #startThen = startOfClock();

  /** @param {(error: VestibuleError) => void} [warn] is told of a difference that is large */
  constructor(warn = () => {}) {
    this.#warn = warn;
  }

  /** @returns {number} the corrected time, in Unix ms */
  now() {
    this.#noticeThatItIsRight();
    return Date.now() + this.#correction;
  }

  /** A device that starts with a wrong clock is often set right a moment later, while it is connected. */
  #noticeThatItIsRight() {
    if (!this.differs || this.#correction === 0) return;
    const setBy = startOfClock() - this.#startThen;
    if (Math.abs(setBy - this.#correction) > TOLERANCE_MS) return;
    this.#correction = 0;
    this.#difference = 0;
  }

  /**
   * @param {number} time in Unix ms
   * @returns {boolean} whether it is past by the corrected clock
   */
  isPast(time) {
    return time <= this.now();
  }

  /**
   * For what must not be lost: a wrong correction must not delete it, nor must the wrong clock that it corrects.
   *
   * @param {number} time in Unix ms
   * @returns {boolean} whether it is past by the corrected clock and by this device's own
   */
  isSurelyPast(time) {
    return time <= this.atLeast();
  }

  /** @returns {number} the earlier of the corrected time and this device's own, in Unix ms */
  atLeast() {
    return Math.min(this.now(), Date.now());
  }

  /**
   * Takes the server's time, unless it cannot be true.
   *
   * @param {unknown} serverNow in Unix ms, as it came; nothing happens where a server does not say it
   * @param {number} [roundTripMs] from the question to the answer: the server said it half-way, more or less
   */
  update(serverNow, roundTripMs = 0) {
    const isTold = typeof serverNow === "number" && Number.isSafeInteger(serverNow);
    // The device slept in between, or its clock was set.
    if (!isTold || roundTripMs < 0 || roundTripMs > LONGEST_ROUND_TRIP_MS) return;
    const here = Date.now();
    const difference = Math.round(serverNow + roundTripMs / 2) - here;
    // One that the journey explains is none: a slow answer does not disturb a clock that is right.
    this.#difference = Math.abs(difference) <= roundTripMs / 2 ? 0 : difference;
    this.#correction = isPossible(serverNow, here) ? this.#difference : 0;
    this.#startThen = startOfClock();
    if (Math.abs(this.#difference - this.#warned) <= TOLERANCE_MS) return;
    this.#warned = this.#difference;
    if (this.differs) this.#warn(new VestibuleError("wrong_clock", this.#sentence()));
  }

  /** @returns {boolean} whether this device's clock and the server's differ by more than a journey explains */
  get differs() {
    return Math.abs(this.#difference) > TOLERANCE_MS;
  }

  /**
   * @param {VestibuleError} error a refusal
   * @returns {VestibuleError} the same; where the clocks differ and it is about a time, one that names both
   */
  explain(error) {
    if (!this.differs || !OF_TIME.has(error.reason)) return error;
    const detail = [error.detail, this.#sentence()].filter(Boolean).join("; ");
    return new VestibuleError(error.reason, detail, { cause: error, retryMs: error.retryMs });
  }

  #sentence() {
    const here = Date.now();
    const [device, server] = [here, here + this.#difference].map(textOf);
    const rest = this.#correction === 0 ? "which is too much to correct: set the clock" : "which is corrected";
    return `this device's clock shows ${device} and the server's ${server}, ${rest}`;
  }
}

/** @returns {number} what this device's clock showed when the one that nobody sets started, in Unix ms */
function startOfClock() {
  return Date.now() - performance.now();
}

/**
 * @param {number} serverNow
 * @param {number} here what this device's clock shows
 * @returns {boolean} whether the server's time may be the true one
 */
function isPossible(serverNow, here) {
  if (serverNow < EARLIEST || serverNow > LATEST) return false;
  return here < EARLIEST || Math.abs(serverNow - here) <= LARGEST_MS;
}

/**
 * @param {number} time
 * @returns {string} such as `2026-11-26 12:00 UTC`
 */
function textOf(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return `${time} ms`;
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
