/**
 * Keeps the socket's token good.
 *
 * A token is good to connect with for minutes and a socket may stay open for hours, so at a reconnect the token is
 * mostly stale. It is renewed when the connection is lost, while phoenix.js waits for its next try. Where that was
 * too late or of no use (a laptop slept, the server has new keys), the server opens the socket and refuses the joins as
 * `unauthorized`: then the session is renewed and the socket connects anew, which phoenix.js would not do by itself.
 */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Signs in again when it is time. */
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

  /** A join was refused as `unauthorized`. All topics are, at once; one new connection serves them all. */
  refused() {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    // At once the first time; a server that refuses even new tokens is asked ever more seldom.
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
    // A failure is no matter yet: phoenix.js goes on, and this is called again.
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
