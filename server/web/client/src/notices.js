/**
 * What the server tells this user about their own requests and approves, of all rooms: it is written down, and the
 * application is told what is news.
 */
import { Handlers } from "./handlers.js";
import { requestKey } from "./ids.js";

/**
 * How a newcomer took an own approve: `saved` the key, or `nacked` the approve with a code.
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
 * How an own request ended, but for the good way. After `denied` another member may approve it all the same.
 *
 * @typedef {object} Ending
 * @property {"denied" | "expired" | "withdrawn"} event
 * @property {string} rid
 * @property {string} requestId
 * @property {string} [by] who denied it
 * @property {string} [code] why
 * @property {boolean} [block]
 */

/**
 * An operator has erased this user: what the server had of them is gone, and the connection with it.
 *
 * @typedef {object} Erasure
 * @property {"erased"} event
 * @property {undefined} [rid] it is about no room, as the other notices are
 * @property {undefined} [requestId]
 * @property {undefined} [by]
 * @property {undefined} [code]
 * @property {undefined} [block]
 */

/** @typedef {Receipt | Ending | Erasure} Notice */

const RESULTS = new Set(["saved", "nacked"]);

/** Takes notices, from whichever topic brings them. */
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
   * @returns {() => void} stops it
   */
  on(handler) {
    return this.#handlers.add(handler);
  }

  /**
   * @param {any} notice as it came, which may be for a second time
   * @returns {Promise<void>} when what follows from it is stored
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

  /** This user was erased, which every topic of theirs may say. */
  erased() {
    if (this.#isErased) return;
    this.#isErased = true;
    this.#handlers.call({ event: "erased" });
  }

  /** Whether it is the first receipt of an own approve; or one that another device of this user has sent. */
  async #isReceipt({ rid, to, request_id, approve_id, result }) {
    const isOwn = (sent) => sent?.frame?.approve_id === approve_id;
    const before = await this.#records.changeSentApprove(rid, requestKey(to, request_id), (sent) => {
      if (!isOwn(sent)) return sent;
      return { exp: sent.exp, state: result, nacks: sent.nacks + (result === "nacked" ? 1 : 0) };
    });
    return !before || isOwn(before);
  }
}
