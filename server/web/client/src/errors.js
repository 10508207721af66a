import { messageFor } from "./error-messages.js";

/**
 * The class of everything that this package throws or warns about.
 *
 * `reason` is one of the server's reasons (`not_member`, `cooldown`, `storage_full`, …) or one of
 * the client's own:
 *
 * - for a wrong call: `bad_argument`, `not_asked`, `unsupported`
 * - for connecting and sending: `in_use`, `unreachable`, `disconnected`, `interrupted`, `timeout`,
 *   `wrong_clock`
 * - for received data: `bad_card`, `card_downgrade`, `bad_request`, `bad_approve`, `bad_denial`,
 *   `bad_room`, `bad_message`, `bad_frame`
 * - for how a request ended: `denied` (a {@link DeniedError}), `withdrawn`, `expired`
 * - `bad_storage`, `handler_failed`, and `failed` for any other exception, which is the `cause`
 *
 * Neither reason nor detail ever contains a key or a token.
 */
export class VestibuleError extends Error {
  /**
   * @param {string} reason the error's code, for programs
   * @param {string} [detail] the explanation for people; default: a sentence for the reason
   * @param {{cause?: unknown, retryMs?: number, code?: string}} [options]
   */
  constructor(reason, detail = messageFor(reason), { cause, retryMs, code } = {}) {
    super(detail ? `${reason}: ${detail}` : reason, { cause });
    this.name = "VestibuleError";
    /** @type {string} */
    this.reason = reason;
    /** @type {string | undefined} */
    this.detail = detail;
    /** @type {number | undefined} how long the server asks to wait before trying again */
    this.retryMs = retryMs;
    /**
     * @type {string | undefined} for `bad_approve`: the nack code for the approver, if any; for
     *   `denied`: the member's code
     */
    this.code = code;
  }

  /**
   * @returns {boolean} whether it only reports a deliberate end, or something that the next join
   *   will repeat
   */
  get passing() {
    return this.reason === "interrupted" || this.reason === "disconnected";
  }

  /**
   * @param {unknown} error
   * @param {string} [doing] the client's activity, such as `joining room:…`
   * @returns {VestibuleError} the same error if it is one; another error becomes the `cause`, and
   *   its message is not copied
   */
  static from(error, doing = "working in the background") {
    if (error instanceof VestibuleError) return error;
    return new VestibuleError("failed", `internal error while ${doing}`, { cause: error });
  }

  /**
   * @param {any} reply the server's error reply
   * @returns {VestibuleError}
   */
  static fromReply(reply) {
    const { reason, detail, retry_ms: retryMs } = reply ?? {};
    if (typeof reason !== "string") return new VestibuleError("unknown", "the server refused without giving a reason");
    const isText = typeof detail === "string" && detail !== "";
    return new VestibuleError(reason, isText ? detail : undefined, {
      retryMs: typeof retryMs === "number" ? retryMs : undefined,
    });
  }
}

/** A member denied the request. Until it expires, another member may still approve it. */
export class DeniedError extends VestibuleError {
  /**
   * @param {{code?: string, block?: boolean, by?: string}} denial empty if only the state is known
   */
  constructor({ code, block, by } = {}) {
    super("denied", code ? `a member denied the request: ${code}` : undefined, { code });
    this.name = "DeniedError";
    /**
     * @type {boolean} whether further requests are refused until a member lifts the block, rather
     *   than for a day
     */
    this.block = block ?? false;
    /** @type {string | undefined} the member's uid */
    this.by = by;
  }
}
