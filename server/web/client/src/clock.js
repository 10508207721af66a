/**
 * The time, as far as it can be known: this device's clock, corrected by the server's.
 *
 * Devices may start in the wrong year, and servers may lie. Therefore the correction is bounded, a
 * large one is reported, and nothing is deleted on the server's word alone: see
 * {@link Clock#isSurelyPast} and `docs/decisions/0013-the-time-is-the-servers-within-bounds.md`.
 */
import { VestibuleError } from "./errors.js";

/** A clock that shows an earlier time is wrong: this code did not exist then. */
const EARLIEST = Date.UTC(2026, 0, 1);

/**
 * The largest difference that the client corrects, if this device's clock shows a plausible time.
 */
const LARGEST_MS = 366 * 86_400_000;

/** A server that reports a later time is not believed, whatever this device's clock shows. */
const LATEST = Date.UTC(2100, 0, 1);

/** A response that took longer says too little about the time. */
const LONGEST_ROUND_TRIP_MS = 60_000;

/** Smaller differences are not reported. */
const TOLERANCE_MS = 120_000;

/** Refusals that a wrong clock may cause. */
const OF_TIME = new Set(["expired", "bad_payload"]);

/** The clock of one connection. */
export class Clock {
  #warn;
  /** This is added to this device's time. */
  #correction = 0;
  /** The server's time minus this device's, whether it is corrected or not. */
  #difference = 0;
  /** The difference that was reported last. */
  #warned = 0;
  /**
   * {@link startOfClock} when the server's time arrived; it changes if this device's clock is set.
   */
  #startThen = startOfClock();

  /** @param {(error: VestibuleError) => void} [warn] receives a large difference */
  constructor(warn = () => {}) {
    this.#warn = warn;
  }

  /** @returns {number} the corrected time, in Unix ms */
  now() {
    this.#dropStaleCorrection();
    return Date.now() + this.#correction;
  }

  /** A wrong clock is often set right shortly after the device has started and connected. */
  #dropStaleCorrection() {
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
   * For data that must not be lost: neither a wrong correction nor a wrong device clock may delete
   * it.
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
   * Uses the server's time, unless it is implausible.
   *
   * @param {unknown} serverNow in Unix ms, as received; ignored if the server does not send it
   * @param {number} [roundTripMs] from request to response; the server is assumed to have read its
   *   clock half-way
   */
  update(serverNow, roundTripMs = 0) {
    const isTold = typeof serverNow === "number" && Number.isSafeInteger(serverNow);
    // The device slept meanwhile, or its clock was set.
    if (!isTold || roundTripMs < 0 || roundTripMs > LONGEST_ROUND_TRIP_MS) return;
    const here = Date.now();
    const difference = Math.round(serverNow + roundTripMs / 2) - here;
    // The round trip may explain the difference: a slow response must not disturb a correct clock.
    this.#difference = Math.abs(difference) <= roundTripMs / 2 ? 0 : difference;
    this.#correction = isPossible(serverNow, here) ? this.#difference : 0;
    this.#startThen = startOfClock();
    if (Math.abs(this.#difference - this.#warned) <= TOLERANCE_MS) return;
    this.#warned = this.#difference;
    if (this.differs) this.#warn(new VestibuleError("wrong_clock", this.#describe()));
  }

  /**
   * @returns {boolean} whether this device's clock and the server's differ by more than a round
   *   trip explains
   */
  get differs() {
    return Math.abs(this.#difference) > TOLERANCE_MS;
  }

  /**
   * @param {VestibuleError} error a refusal by the server
   * @returns {VestibuleError} the same error, or one that names both clocks if they differ and it
   *   is about a time
   */
  explain(error) {
    if (!this.differs || !OF_TIME.has(error.reason)) return error;
    const detail = [error.detail, this.#describe()].filter(Boolean).join("; ");
    return new VestibuleError(error.reason, detail, { cause: error, retryMs: error.retryMs });
  }

  #describe() {
    const here = Date.now();
    const [device, server] = [here, here + this.#difference].map(textOf);
    const isCorrected = this.#correction !== 0;
    const rest = isCorrected ? "the client corrects for it" : "the difference is too large to correct: set the clock";
    return `this device's clock shows ${device} and the server's ${server}; ${rest}`;
  }
}

/**
 * @returns {number} what this device's clock showed when the monotonic clock started, in Unix ms
 */
function startOfClock() {
  return Date.now() - performance.now();
}

/**
 * @param {number} serverNow
 * @param {number} here the time on this device's clock
 * @returns {boolean} whether the server's time is plausible
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
