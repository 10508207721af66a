/**
 * Approves by itself what waits in an open room: a member's own choice, for this client alone.
 *
 * Members that do so take turns: the server says how long each is to wait. A newcomer who is online takes the first
 * good approve, which spares the others the trouble. That somebody has approved does not: only the newcomer can tell
 * whether it is any good, so while few approves wait, one more is added. The creator, for whom the server keeps a place,
 * does not count them, so that many accounts of one hostile member cannot silence everybody.
 *
 * What a person decides stays theirs: nothing is approved in a `request` room, nor what somebody has denied, until a
 * member lifts that and the request comes anew.
 */
import { requestKey } from "./ids.js";

/** After so many approves that a newcomer could not use, another one would be no better. */
const MAX_NACKS = 2;

/** Where so many approves wait for a newcomer, another one is not worth it, but for the creator's. */
const ENOUGH_APPROVES = 3;

/** How long to wait where all places for approves are taken and the server does not say. */
const SLOTS_MS = 30_000;

/** What a timer can hold. */
const LONGEST_MS = 2 ** 31 - 1;

/** Refusals that say that nobody needs this approve any more. */
const NOT_NEEDED = new Set(["closed", "no_request", "expired"]);

/**
 * @typedef {object} Options
 * @property {import("./pending-requests.js").PendingRequests} requests
 * @property {string} uid of this user
 * @property {() => string | undefined} policy of the room, as it is now
 * @property {() => boolean} isCreator whether this user is the room's creator, as it is now
 * @property {(request: import("./join-request.js").JoinRequest) => boolean | Promise<boolean>} wants
 * @property {(error: unknown) => void} warn
 */

/** One room's. */
export class AutoApprover {
  #options;
  #stops;
  /** Waits, by the requests' keys. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    const { requests } = options;
    this.#stops = [
      requests.onWaiting((request, afterMs) => this.#onWaiting(request, afterMs)),
      requests.onRequestGone((gone) => this.#onGone(gone)),
    ];
  }

  /** What was under way already is not called back. */
  stop() {
    for (const stop of this.#stops) stop();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #onWaiting(request, afterMs) {
    this.#cancel(request);
    if (this.#isEnough(request) || request.nacks > MAX_NACKS) return;
    this.#approveAfter(request, afterMs);
  }

  /** After somebody's approve this one may be needed all the same, but not after one of this user's, of any device. */
  #onGone(gone) {
    const { state, by } = gone;
    const mayBeNeeded = state === "approved" && by !== this.#options.uid && !this.#isEnough(gone);
    if (!mayBeNeeded) this.#cancel(gone);
  }

  #isEnough({ approvals }) {
    return approvals >= ENOUGH_APPROVES && !this.#options.isCreator();
  }

  #approveAfter(request, ms) {
    const timer = setTimeout(() => this.#approve(request, timer).catch(this.#options.warn), Math.min(ms, LONGEST_MS));
    this.#timers.set(keyOf(request), timer);
  }

  #cancel(request) {
    const key = keyOf(request);
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }

  async #approve(request, timer) {
    const { policy, wants } = this.#options;
    // The policy may have come, or changed, while this waited; and `wants` may take its time.
    if (policy() !== "open" || !(await wants(request))) return;
    if (this.#timers.get(keyOf(request)) !== timer) return;
    try {
      await request.approve();
    } catch (error) {
      if (NOT_NEEDED.has(error.reason)) return;
      if (error.reason !== "slots_full") throw error;
      if (this.#timers.get(keyOf(request)) === timer) this.#approveAfter(request, error.retryMs ?? SLOTS_MS);
    }
  }
}

/** @param {{uid: string, requestId: string}} request */
const keyOf = ({ uid, requestId }) => requestKey(uid, requestId);
