/**
 * Says things to the server until they are answered.
 *
 * A frame, or its answer, may be lost with the connection. Every frame of the flow has an id of its own and may be
 * said twice, so each is said again, unchanged, after a time-out, after the server's "not now" (a number of times), and
 * after every reconnect. Nothing is pushed while the channel is not joined: phoenix.js would keep it in a buffer of its
 * own and send it beside the repeated one. Nor is anything pushed that is larger than the server takes, which would end
 * the connection.
 */
import { VestibuleError } from "./errors.js";
import { encodedSize } from "./frame-size.js";
import { pauseAfter } from "./patience.js";

/** What a server takes that does not say: the protocol's first version. */
const MOST_BYTES = 256 * 1024;

/**
 * @param {unknown} bytes the largest message that the server says it takes; an old one says nothing
 * @returns {number}
 */
export function mostBytesOf(bytes) {
  return typeof bytes === "number" && bytes > 0 ? bytes : MOST_BYTES;
}

/** @typedef {"guest" | "member"} Role */

/** One channel's courier. */
export class Courier {
  #channel;
  #letters = new Set();
  /** What this join may say so far. @type {Set<Role>} */
  #roles = new Set();
  /** @type {VestibuleError | null} */
  #ended = null;
  #clock;
  /** The largest message that the server takes, in bytes, by the answer to the last join. */
  #mostBytes = MOST_BYTES;

  /**
   * @param {import("phoenix").Channel} channel
   * @param {import("./clock.js").Clock} [clock] which refusals may be due to
   */
  constructor(channel, clock) {
    this.#channel = channel;
    this.#clock = clock;
  }

  /** @param {unknown} bytes the largest message that the server says it takes; an old one says nothing */
  limit(bytes) {
    this.#mostBytes = mostBytesOf(bytes);
  }

  /**
   * @param {string} event
   * @param {object} payload
   * @param {object} [options]
   * @param {Role} [options.as] `member`: to be said after the room key is proven, at every join
   * @param {boolean} [options.repeat] false for what has no id: it is said once, and rejects with `timeout` or
   *   `interrupted` where nobody knows whether it arrived
   * @returns {Promise<any>} the reply; rejects with `too_large` for what is larger than the server takes
   */
  send(event, payload, { as = "guest", repeat = true } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const state = { attempt: 0, refusals: 0, said: false, timer: undefined };
      const letter = { event, payload, as, repeat, resolve, reject, ...state };
      this.#letters.add(letter);
      this.#post(letter);
    });
  }

  /**
   * The channel is joined (`guest`), or the room key is proven as well (`member`).
   *
   * @param {Role} role
   */
  open(role) {
    this.#roles.add(role);
    for (const letter of this.#letters) {
      if (letter.as === role) this.#post(letter);
    }
  }

  /** The channel is not joined any more; what was not answered waits for the next join. */
  close() {
    this.#roles.clear();
    for (const letter of this.#letters) {
      clearTimeout(letter.timer);
      // An answer to an earlier attempt, such as its time-out, is no answer to the next one.
      letter.attempt += 1;
      if (letter.said && !letter.repeat) this.#settle(letter, letter.reject, new VestibuleError("interrupted"));
    }
  }

  /**
   * Gives up for good.
   *
   * @param {VestibuleError} error what everything unanswered is rejected with
   */
  end(error) {
    this.#ended = error;
    this.#roles.clear();
    for (const letter of this.#letters) this.#settle(letter, letter.reject, error);
  }

  #post(letter) {
    if (!this.#roles.has(letter.as)) return;
    const error = this.#unsendable(letter);
    if (error) return this.#settle(letter, letter.reject, error);
    letter.attempt += 1;
    letter.said = true;
    const { attempt } = letter;
    const ifCurrent = (handle) => (answer) => {
      if (attempt === letter.attempt && this.#letters.has(letter)) handle(answer);
    };
    this.#channel
      .push(letter.event, letter.payload)
      .receive("ok", ifCurrent((reply) => this.#settle(letter, letter.resolve, reply)))
      .receive("error", ifCurrent((error) => this.#refused(letter, error)))
      .receive("timeout", ifCurrent(() => this.#timedOut(letter)));
  }

  /** @returns {VestibuleError | null} why it must not be pushed, counted as it would be on the wire */
  #unsendable({ event, payload }) {
    try {
      const size = encodedSize(this.#channel, event, payload);
      if (size <= this.#mostBytes) return null;
      const detail = `\`${event}\` is a message of ${size} bytes, and the server takes ${this.#mostBytes}`;
      return new VestibuleError("too_large", detail);
    } catch (cause) {
      const detail = `the payload of \`${event}\` cannot be written: it must be what JSON can say, or an ArrayBuffer`
        + ", in whole characters and at most 127 levels";
      return new VestibuleError("bad_argument", detail, { cause });
    }
  }

  #refused(letter, reply) {
    const refusal = VestibuleError.fromReply(reply);
    const error = this.#clock?.explain(refusal) ?? refusal;
    letter.refusals += 1;
    const pause = pauseAfter(error, letter.refusals);
    if (pause === null) return this.#settle(letter, letter.reject, error);
    letter.said = false;
    letter.timer = setTimeout(() => this.#post(letter), pause);
  }

  #timedOut(letter) {
    if (letter.repeat) this.#post(letter);
    else this.#settle(letter, letter.reject, new VestibuleError("timeout", `\`${letter.event}\` was not answered`));
  }

  #settle(letter, settle, value) {
    clearTimeout(letter.timer);
    this.#letters.delete(letter);
    settle(value);
  }
}
