/**
 * A request as a member sees it.
 */

import { serverSaysOf } from "./checks.js";

/** A checked request for the room key: the user has signed its content. */
export class JoinRequest {
  #approve;

  /**
   * @param {import("./checks.js").CheckedRequest} checked
   * @param {any} item the same request as received, with the fields that the server adds
   * @param {() => Promise<any>} approve
   */
  constructor(checked, item, approve) {
    /** @type {string} */
    this.requestId = checked.request_id;
    /** @type {string} */
    this.uid = checked.uid;
    /** @type {string | undefined} the user's own words, which nothing confirms */
    this.note = checked.note;
    /** @type {string} compare it with what the newcomer sees before approving */
    this.fingerprint = checked.fingerprint;
    /** @type {number} */
    this.exp = checked.exp;
    /** @type {number} how many of this user's approves the newcomer could not use */
    this.nacks = 0;
    this.#approve = approve;
    this.update(item);
  }

  /**
   * @internal
   * @param {any} item the same request, received again
   */
  update(item) {
    /** @type {number} when the server stored it */
    this.created = item.created;
    /** @type {number} how many approves wait for the newcomer, as far as this client knows */
    this.approvals = item.approvals ?? 0;
    /**
     * @type {boolean | undefined} whether the newcomer was in the room when the request was pushed;
     *   unknown for listed requests
     */
    this.online = item.online;
    /**
     * @type {import("./checks.js").ServerSays | undefined} what the server says about the newcomer,
     *   who has not signed it: show it as the server's word, and compare the fingerprint all the same
     */
    this.serverSays = serverSaysOf(item);
  }

  /**
   * Seals the room key for the newcomer and sends it, as often as necessary. `room.onReceipt`
   * reports whether the newcomer could use it.
   *
   * @returns {Promise<{state: string, seq: number, dup: boolean, others: number}>} the server's
   *   reply: the approve is stored
   */
  approve() {
    return this.#approve();
  }
}
