/**
 * Pushes events to the server until they are answered.
 *
 * A push, or its reply, may be lost with the connection. Every frame of the approve flow carries an
 * id of its own and may be sent twice. The queue therefore repeats each push unchanged after a
 * time-out, after a "try again later" (up to a limit) and after every reconnect. It pushes nothing
 * while the channel is not joined, because phoenix.js would buffer that push and send it beside the
 * repeated one. Nor does it push anything larger than the server accepts, which would end the
 * connection.
 */
import { retryDelay } from "./backoff.js";
import { VestibuleError } from "./errors.js";
import { encodedSize } from "./frame-size.js";

/** The limit of a server that announces none: that of the protocol's first version. */
const DEFAULT_MAX_BYTES = 256 * 1024;

/**
 * @param {unknown} bytes the largest message that the server accepts; old servers do not say
 * @returns {number}
 */
export function maxBytesOf(bytes) {
  return typeof bytes === "number" && bytes > 0 ? bytes : DEFAULT_MAX_BYTES;
}

/** @typedef {"guest" | "member"} Role */

/** The retry queue of one channel. */
export class RetryQueue {
  #channel;
  #pushes = new Set();
  /** The roles that this join has so far. @type {Set<Role>} */
  #roles = new Set();
  /** @type {VestibuleError | null} */
  #ended = null;
  #clock;
  /** The largest message that the server accepts, in bytes, as its last join reply said. */
  #maxBytes = DEFAULT_MAX_BYTES;

  /**
   * @param {import("phoenix").Channel} channel
   * @param {import("./clock.js").Clock} [clock] explains refusals that a wrong clock may cause
   */
  constructor(channel, clock) {
    this.#channel = channel;
    this.#clock = clock;
  }

  /** @param {unknown} bytes the largest message that the server accepts; old servers do not say */
  limit(bytes) {
    this.#maxBytes = maxBytesOf(bytes);
  }

  /**
   * @param {string} event
   * @param {object} payload
   * @param {object} [options]
   * @param {Role} [options.as] `member`: in each join, wait until the room key is proven
   * @param {boolean} [options.repeat] false for events without an id: they are sent once, and
   *   reject with `timeout` or `interrupted` if it is unknown whether they arrived
   * @returns {Promise<any>} the reply; rejects with `too_large` if the server would not accept it
   */
  send(event, payload, { as = "guest", repeat = true } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const state = { attempt: 0, refusals: 0, sent: false, timer: undefined };
      const queued = { event, payload, as, repeat, resolve, reject, ...state };
      this.#pushes.add(queued);
      this.#push(queued);
    });
  }

  /**
   * The channel is joined (`guest`), or the room key is proven as well (`member`).
   *
   * @param {Role} role
   */
  open(role) {
    this.#roles.add(role);
    for (const queued of this.#pushes) {
      if (queued.as === role) this.#push(queued);
    }
  }

  /** The channel is no longer joined; unanswered pushes wait for the next join. */
  close() {
    this.#roles.clear();
    for (const queued of this.#pushes) {
      clearTimeout(queued.timer);
      // A late result of this attempt, such as its time-out, must not count for the next one.
      queued.attempt += 1;
      if (queued.sent && !queued.repeat) {
        this.#settle(queued, queued.reject, new VestibuleError("interrupted"));
      }
    }
  }

  /**
   * Stops for good.
   *
   * @param {VestibuleError} error rejects every unanswered push
   */
  end(error) {
    this.#ended = error;
    this.#roles.clear();
    for (const queued of this.#pushes) this.#settle(queued, queued.reject, error);
  }

  #push(queued) {
    if (!this.#roles.has(queued.as)) return;
    const error = this.#whyUnsendable(queued);
    if (error) return this.#settle(queued, queued.reject, error);
    queued.attempt += 1;
    queued.sent = true;
    const { attempt } = queued;
    const ifCurrent = (handle) => (reply) => {
      if (attempt === queued.attempt && this.#pushes.has(queued)) handle(reply);
    };
    this.#channel
      .push(queued.event, queued.payload)
      .receive("ok", ifCurrent((reply) => this.#settle(queued, queued.resolve, reply)))
      .receive("error", ifCurrent((error) => this.#refused(queued, error)))
      .receive("timeout", ifCurrent(() => this.#timedOut(queued)));
  }

  /** @returns {VestibuleError | null} why it must not be pushed; its size counts as on the wire */
  #whyUnsendable({ event, payload }) {
    try {
      const size = encodedSize(this.#channel, event, payload);
      if (size <= this.#maxBytes) return null;
      const detail = `\`${event}\` is ${size} bytes long; the server accepts at most ${this.#maxBytes}`;
      return new VestibuleError("too_large", detail);
    } catch (cause) {
      const detail = `the payload of \`${event}\` cannot be encoded: expected an ArrayBuffer, or JSON`
        + " with whole characters and at most 127 levels";
      return new VestibuleError("bad_argument", detail, { cause });
    }
  }

  #refused(queued, reply) {
    const refusal = VestibuleError.fromReply(reply);
    const error = this.#clock?.explain(refusal) ?? refusal;
    queued.refusals += 1;
    const delay = retryDelay(error, queued.refusals);
    if (delay === null) return this.#settle(queued, queued.reject, error);
    queued.sent = false;
    queued.timer = setTimeout(() => this.#push(queued), delay);
  }

  #timedOut(queued) {
    if (queued.repeat) return this.#push(queued);
    const error = new VestibuleError("timeout", `the server did not answer \`${queued.event}\``);
    this.#settle(queued, queued.reject, error);
  }

  #settle(queued, settle, value) {
    clearTimeout(queued.timer);
    this.#pushes.delete(queued);
    settle(value);
  }
}
