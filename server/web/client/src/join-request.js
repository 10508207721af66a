/**
 * What a member is shown of somebody's request.
 */

/** Somebody's request for the room key, checked: it says what its user signed. */
export class JoinRequest {
  #approve;

  /**
   * @param {import("./checks.js").CheckedRequest} checked
   * @param {any} item the same as the server sent it, for what it adds by itself
   * @param {() => Promise<any>} approve
   */
  constructor(checked, item, approve) {
    /** @type {string} */
    this.requestId = checked.request_id;
    /** @type {string} */
    this.uid = checked.uid;
    /** @type {string | undefined} the user's own words; nothing vouches for them */
    this.note = checked.note;
    /** @type {string} to be compared with what the newcomer sees, before approving */
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
   * @param {any} item the same request as it came again
   */
  update(item) {
    /** @type {number} when the server stored it */
    this.created = item.created;
    /** @type {number} how many approves wait for the newcomer already, as far as this client has heard */
    this.approvals = item.approvals ?? 0;
    /** @type {boolean | undefined} whether the newcomer was in the room when this came; unknown for a listed one */
    this.online = item.online;
  }

  /**
   * Seals the room key for the newcomer and sends it, as often as it takes. What becomes of it, `room.onReceipt` tells.
   *
   * @returns {Promise<{state: string, seq: number, dup: boolean, others: number}>} the server's answer: it is stored
   */
  approve() {
    return this.#approve();
  }
}
