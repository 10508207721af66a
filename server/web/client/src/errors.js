/**
 * Everything this package throws or warns about.
 *
 * `reason` is one of the server's reasons (`not_member`, `storage_full`, …) or one of the client's own:
 * `unreachable`, `disconnected`, `interrupted`, `timeout`, `withdrawn`, `bad_card`, `bad_request`, `bad_approve`,
 * `bad_storage`, `bad_room`, `handler_failed`, and `failed` where something else threw, which is the `cause` then.
 * Neither reason nor detail ever carries a key or a token.
 */
export class VestibuleError extends Error {
  /**
   * @param {string} reason what went wrong, for programs
   * @param {string} [detail] the same for people
   * @param {{cause?: unknown, retryMs?: number}} [options]
   */
  constructor(reason, detail, { cause, retryMs } = {}) {
    super(detail ? `${reason}: ${detail}` : reason, { cause });
    this.name = "VestibuleError";
    /** @type {string} */
    this.reason = reason;
    /** @type {string | undefined} */
    this.detail = detail;
    /** @type {number | undefined} how long the server asks to wait before trying again */
    this.retryMs = retryMs;
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
