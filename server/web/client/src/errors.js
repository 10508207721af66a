/**
 * Everything this package throws or warns about.
 *
 * `reason` is one of the server's reasons (`not_member`, `cooldown`, `storage_full`, …) or one of the client's own:
 *
 * - of connecting and saying: `in_use`, `unreachable`, `disconnected`, `interrupted`, `timeout`
 * - of what came: `bad_card`, `card_downgrade`, `bad_request`, `bad_approve`, `bad_denial`, `bad_room`, `bad_message`, `bad_frame`
 * - of how a request ended: `denied` (a {@link DeniedError}), `withdrawn`, `expired`
 * - `bad_storage`, `handler_failed`, and `failed` where something else threw, which is the `cause` then
 *
 * Neither reason nor detail ever carries a key or a token.
 */
export class VestibuleError extends Error {
  /**
   * @param {string} reason what went wrong, for programs
   * @param {string} [detail] the same for people
   * @param {{cause?: unknown, retryMs?: number, code?: string}} [options]
   */
  constructor(reason, detail, { cause, retryMs, code } = {}) {
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
   * @returns {VestibuleError} the same, if it is one
   */
  static from(error) {
    if (error instanceof VestibuleError) return error;
    return new VestibuleError("failed", error instanceof Error ? error.message : undefined, { cause: error });
  }

  /**
   * @param {{reason?: string, detail?: string, retry_ms?: number}} reply an error as the server words it
   * @returns {VestibuleError}
   */
  static fromReply(reply) {
    return new VestibuleError(reply?.reason ?? "unknown", reply?.detail, { retryMs: reply?.retry_ms });
  }
}

/** A member denied the request. Another may approve it all the same, as long as it has not expired. */
export class DeniedError extends VestibuleError {
  /** @param {{code?: string, block?: boolean, by?: string}} denial all absent where only the state is known */
  constructor({ code, block, by } = {}) {
    super("denied", code, { code });
    this.name = "DeniedError";
    /** @type {boolean} whether the next requests are refused until a member lifts that; else for a day */
    this.block = block ?? false;
    /** @type {string | undefined} the member's uid */
    this.by = by;
  }
}
