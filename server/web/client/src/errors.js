import { messageFor } from "./error-messages.js";

/**
 * Everything this package throws or warns about.
 *
 * `reason` is one of the server's reasons (`not_member`, `cooldown`, `storage_full`, …) or one of the client's own:
 *
 * - of a call that cannot be right: `bad_argument`, `not_asked`, `unsupported`
 * - of connecting and saying: `in_use`, `unreachable`, `disconnected`, `interrupted`, `timeout`, `wrong_clock`
 * - of what came: `bad_card`, `card_downgrade`, `bad_request`, `bad_approve`, `bad_denial`, `bad_room`, `bad_message`, `bad_frame`
 * - of how a request ended: `denied` (a {@link DeniedError}), `withdrawn`, `expired`
 * - `bad_storage`, `handler_failed`, and `failed` where something else threw, which is the `cause` then
 *
 * Neither reason nor detail ever carries a key or a token.
 */
export class VestibuleError extends Error {
  /**
   * @param {string} reason what went wrong, for programs
   * @param {string} [detail] the same for people; a sentence of the reason's own without
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
    /** @type {string | undefined} of `bad_approve`: what its approver is told, if anything; of `denied`: why */
    this.code = code;
  }

  /** @returns {boolean} whether it only says that something ended on purpose, or will be done at the next join */
  get passing() {
    return this.reason === "interrupted" || this.reason === "disconnected";
  }

  /**
   * @param {unknown} error
   * @param {string} [doing] what the client was doing, such as `joining room:…`
   * @returns {VestibuleError} the same, if it is one; what another says of itself is in the `cause`, not in the detail
   */
  static from(error, doing = "working on its own") {
    if (error instanceof VestibuleError) return error;
    return new VestibuleError("failed", `something went wrong inside this client while it was ${doing}`, { cause: error });
  }

  /**
   * @param {any} reply an error as the server words it
   * @returns {VestibuleError}
   */
  static fromReply(reply) {
    const { reason, detail, retry_ms: retryMs } = reply ?? {};
    if (typeof reason !== "string") return new VestibuleError("unknown", "the server refused it without a reason");
    const isText = typeof detail === "string" && detail !== "";
    return new VestibuleError(reason, isText ? detail : undefined, {
      retryMs: typeof retryMs === "number" ? retryMs : undefined,
    });
  }
}

/** A member denied the request. Another may approve it all the same, as long as it has not expired. */
export class DeniedError extends VestibuleError {
  /** @param {{code?: string, block?: boolean, by?: string}} denial all absent where only the state is known */
  constructor({ code, block, by } = {}) {
    super("denied", code ? `a member denied the request: ${code}` : undefined, { code });
    this.name = "DeniedError";
    /** @type {boolean} whether the next requests are refused until a member lifts that; else for a day */
    this.block = block ?? false;
    /** @type {string | undefined} the member's uid */
    this.by = by;
  }
}
