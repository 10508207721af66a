/**
 * Approves waiting requests in an open room automatically. Each member decides whether its client
 * does so.
 *
 * Automatic approvers take turns: the server tells each of them how long to wait. An online
 * newcomer accepts the first good approve, and the others no longer need to send theirs. Another
 * member's approve alone does not stop them: only the newcomer can tell whether it is good, so an
 * approver adds its own while few approves are waiting. The creator, for whom the server reserves a
 * place, ignores that count, so that many accounts of one hostile member cannot silence everybody.
 *
 * People's decisions are left alone: the approver does nothing in a `request` room, and does not
 * approve a denied request until a member lifts the denial and the request arrives again.
 */
import { requestKey } from "./ids.js";

/** If a newcomer could not use this many approves, another one would be no better. */
const MAX_NACKS = 2;

/** If this many approves are waiting for a newcomer, only the creator adds another one. */
const ENOUGH_APPROVES = 3;

/** How long to wait if all places for approves are taken and the server does not say how long. */
const SLOTS_MS = 30_000;

/** The longest delay that a timer supports. */
const LONGEST_MS = 2 ** 31 - 1;

/** Refusals of approves that are no longer needed. */
const NOT_NEEDED = new Set(["closed", "no_request", "expired"]);

/**
 * @typedef {object} Options
 * @property {import("./pending-requests.js").PendingRequests} requests
 * @property {string} uid of this user
 * @property {() => string | undefined} policy the room's current policy
 * @property {() => boolean} isCreator whether this user is the room's creator now
 * @property {(request: import("./join-request.js").JoinRequest) => boolean | Promise<boolean>}
 *   wants
 * @property {(error: unknown) => void} warn
 */

/** The automatic approver of one room. */
export class AutoApprover {
  #options;
  #stops;
  /**
   * Scheduled approves, by the requests' keys.
   *
   * @type {Map<string, ReturnType<typeof setTimeout>>}
   */
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

  /** Approves already being sent are not recalled. */
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

  /**
   * Another user's approve does not replace this one; an approve from any of this user's devices
   * does.
   */
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
    // The policy may have arrived or changed during the wait, and `wants` may take a while.
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
