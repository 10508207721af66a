/**
 * This user's approves in one room. Each is written once, stored before it is sent, and sent until
 * it is answered.
 */
import { randomId, toBase64url } from "./bytes.js";
import { requestKey } from "./ids.js";
import { BOX_ALG, seal } from "./sealing.js";
import { signFields } from "./signed.js";

/** Failures that do not refuse the approve: it stays open and is sent again at the next join. */
const UNANSWERED = new Set(["disconnected", "storage_full", "rate_limited", "unavailable", "overloaded"]);

/** The approves of one room. */
export class Approvals {
  #context;
  #rid;
  #queue;
  /** Approves being sent, by the request's key. @type {Map<string, Promise<any>>} */
  #sending = new Map();

  /**
   * @param {import("./context.js").Context} context
   * @param {string} rid
   * @param {import("./retry-queue.js").RetryQueue} queue
   */
  constructor(context, rid, queue) {
    this.#context = context;
    this.#rid = rid;
    this.#queue = queue;
  }

  /**
   * @param {import("./checks.js").CheckedRequest} checked
   * @returns {Promise<import("./records.js").SentApprove | undefined>}
   */
  of({ uid, request_id }) {
    return this.#context.records.sentApprove(this.#rid, requestKey(uid, request_id));
  }

  /**
   * Seals the room key for a newcomer and sends it. An earlier approve that was neither refused nor
   * nacked is sent again unchanged.
   *
   * @param {import("./checks.js").CheckedRequest} checked
   * @returns {Promise<any>} the server's reply
   */
  approve(checked) {
    const key = requestKey(checked.uid, checked.request_id);
    return this.#once(key, async () => {
      const sent = await this.of(checked);
      const frame = sent?.frame ?? (await this.#write(checked));
      const kept = { exp: frame.exp, state: "sending", frame, nacks: sent?.nacks ?? 0 };
      await this.#context.records.saveSentApprove(this.#rid, key, kept);
      return this.#send(key, frame, UNANSWERED);
    });
  }

  /**
   * The server has lost some of its data: sends every approve without a receipt again. If the
   * request is lost as well, its approve waits until the newcomer has repeated the request.
   *
   * @returns {Promise<void>}
   */
  async repeat() {
    const unanswered = new Set([...UNANSWERED, "no_request"]);
    for (const [key, { frame }] of await this.#context.records.sentApproves(this.#rid)) {
      if (!frame) continue;
      await this.#change(key, frame, (sent) => ({ ...sent, state: "sending" }));
      this.#once(key, () => this.#send(key, frame, unanswered)).catch((error) => {
        if (error.reason !== "no_request") this.#context.warn(error);
      });
    }
  }

  /** @returns {Promise<any>} */
  #once(key, send) {
    const already = this.#sending.get(key);
    if (already) return already;
    const sending = send().finally(() => this.#sending.delete(key));
    this.#sending.set(key, sending);
    return sending;
  }

  async #send(key, frame, unanswered) {
    try {
      const reply = await this.#queue.send("approve", frame, { as: "member" });
      await this.#change(key, frame, (sent) => ({ ...sent, state: "stored" }));
      return reply;
    } catch (error) {
      if (!unanswered.has(error.reason)) {
        // The number of nacks outlives the refused approve.
        const forget = ({ exp, nacks }) => (nacks ? { exp, state: "nacked", nacks } : null);
        await this.#change(key, frame, forget);
      }
      throw error;
    }
  }

  /** If a receipt came first, the frame is gone and nothing needs to change. */
  async #change(key, { approve_id }, change) {
    const ifOpen = (sent) => (sent?.frame?.approve_id === approve_id ? change(sent) : sent);
    await this.#context.records.changeSentApprove(this.#rid, key, ifOpen);
  }

  async #write({ request_id, uid: to, box, boxPub, exp }) {
    const { records, user, uid: by } = this.#context;
    const roomKey = await records.memberKey(this.#rid);
    const context = { rid: this.#rid, request_id, to };
    const ct = toBase64url(await seal(boxPub, context, roomKey.private));
    // The approve is useful for as long as the request is.
    const signed = { ...context, approve_id: randomId(), by, box, alg: BOX_ALG, ct, exp };
    const [room_sig, user_sig] = await Promise.all([roomKey, user].map((key) => signFields("approve", signed, key)));
    const { rid: _rid, by: _by, ...frame } = signed;
    return { ...frame, sign_pub: toBase64url(user.pub), sign_alg: user.alg, room_sig, user_sig };
  }
}
