/**
 * Notices about this user's own requests and approves, in all rooms: they are stored, and new ones
 * are passed to the application.
 */
import { Handlers } from "./handlers.js";
import { requestKey } from "./ids.js";

/**
 * What a newcomer did with an approve of this user: `saved` the key, or `nacked` the approve with a
 * code.
 *
 * @typedef {object} Receipt
 * @property {"receipt"} event
 * @property {string} rid
 * @property {string} requestId
 * @property {string} approveId
 * @property {string} to the newcomer
 * @property {"saved" | "nacked"} result
 * @property {string} [code] `undecryptable`, `wrong_key` or `bad_sig`
 */

/**
 * How a request of this user ended without the key. After `denied`, another member may still
 * approve it.
 *
 * @typedef {object} Ending
 * @property {"denied" | "expired" | "withdrawn"} event
 * @property {string} rid
 * @property {string} requestId
 * @property {string} [by] the uid of the member who denied it
 * @property {string} [code] the reason for the denial
 * @property {boolean} [block]
 */

/**
 * An operator has erased this user: the server has deleted their data and closes the connection.
 *
 * @typedef {object} Erasure
 * @property {"erased"} event
 * @property {undefined} [rid] unlike other notices, this one concerns no room
 * @property {undefined} [requestId]
 * @property {undefined} [by]
 * @property {undefined} [code]
 * @property {undefined} [block]
 */

/** @typedef {Receipt | Ending | Erasure} Notice */

const RESULTS = new Set(["saved", "nacked"]);

/** Handles the notices of all topics. */
export class Notices {
  #records;
  #newcomerOf;
  #handlers;
  #isErased = false;

  /**
   * @param {object} context
   * @param {import("./records.js").Records} context.records
   * @param {(error: unknown) => void} context.warn
   * @param {(rid: string) => import("./newcomer.js").Newcomer} newcomerOf
   */
  constructor({ records, warn }, newcomerOf) {
    this.#records = records;
    this.#newcomerOf = newcomerOf;
    this.#handlers = new Handlers(warn);
  }

  /**
   * @param {(notice: Notice) => unknown} handler
   * @returns {() => void} removes the handler
   */
  on(handler) {
    return this.#handlers.add(handler);
  }

  /**
   * @param {any} notice as received, possibly for the second time
   * @returns {Promise<void>} when its consequences are stored
   */
  async take(notice) {
    const { event, rid, request_id: requestId, approve_id: approveId, to, result, by, code, block } = notice;
    if (event === "receipt") {
      const isNews = RESULTS.has(result) && (await this.#isReceipt(notice));
      if (isNews) this.#handlers.call({ event, rid, requestId, approveId, to, result, code });
    } else if (await this.#newcomerOf(rid).receiveNotice(notice)) {
      this.#handlers.call({ event, rid, requestId, by, code, block });
    }
  }

  /** This user was erased, which each of their topics may report. */
  erased() {
    if (this.#isErased) return;
    this.#isErased = true;
    this.#handlers.call({ event: "erased" });
  }

  /**
   * Whether it is the first receipt for an approve of this device, or is for another device's
   * approve.
   */
  async #isReceipt({ rid, to, request_id, approve_id, result }) {
    const isOwn = (sent) => sent?.frame?.approve_id === approve_id;
    const before = await this.#records.changeSentApprove(rid, requestKey(to, request_id), (sent) => {
      if (!isOwn(sent)) return sent;
      return { exp: sent.exp, state: result, nacks: sent.nacks + (result === "nacked" ? 1 : 0) };
    });
    return !before || isOwn(before);
  }
}
