/**
 * Keeps the socket's token valid.
 *
 * A token lasts for minutes and a socket for hours, so at a reconnect the token is usually stale.
 * It is renewed when the connection is lost, while phoenix.js waits for its next try. If that was
 * too late or did not help (a laptop slept, the server has new secrets), the server opens the
 * socket but refuses the joins as `unauthorized`. Then the session is renewed and the socket
 * reconnects, which phoenix.js would not do by itself.
 */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Renews the token of one socket. */
export class TokenRenewal {
  #socket;
  #session;
  #warn;
  #refusals = 0;
  #timer;
  #busy = false;
  #stopped = false;

  /**
   * @param {import("phoenix").Socket} socket
   * @param {import("./session.js").Session} session
   * @param {import("./context.js").Context["warn"]} warn
   */
  constructor(socket, session, warn) {
    this.#socket = socket;
    this.#session = session;
    this.#warn = warn;
    socket.onClose(() => this.#lost());
  }

  /**
   * A join was refused as `unauthorized`. That happens to all topics at once; one reconnect serves
   * them all.
   */
  refused() {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    // Immediately the first time; a server that refuses even new tokens is tried less and less
    // often.
    const pause = this.#refusals ? Math.min(FIRST_PAUSE_MS * 2 ** (this.#refusals - 1), LONGEST_PAUSE_MS) : 0;
    this.#refusals += 1;
    this.#timer = setTimeout(() => this.#reconnect(), pause);
  }

  /** A join was accepted. */
  accepted() {
    this.#refusals = 0;
  }

  /** The client disconnects. */
  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #lost() {
    // A failure does not matter yet: phoenix.js retries, and this is called again.
    if (!this.#stopped && this.#session.stale) this.#session.renew().catch(() => {});
  }

  async #reconnect() {
    try {
      await this.#session.renew();
      if (!this.#stopped) this.#socket.disconnect(() => this.#stopped || this.#socket.connect());
    } catch (error) {
      // phoenix.js joins again after a while and is refused again, which leads back here.
      this.#warn(error);
    } finally {
      this.#busy = false;
    }
  }
}
