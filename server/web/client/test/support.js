/**
 * Users, rooms and frames for the unit tests, made with the client's own modules; a fake retry
 * queue and a storage that record calls.
 */
import { fromBase64url, randomId, toBase64url } from "../src/bytes.js";
import { Clock } from "../src/clock.js";
import { boxOf, ridOf, uidOf } from "../src/ids.js";
import { SigningKey } from "../src/keys.js";
import { Notices } from "../src/notices.js";
import { Records } from "../src/records.js";
import { BOX_ALG, BoxKey, seal } from "../src/sealing.js";
import { signFields } from "../src/signed.js";
import { MemoryStorage } from "../src/storage.js";

export const HOUR_MS = 3_600_000;

export async function makeUser(alg = "p256") {
  const key = await SigningKey.generate(alg);
  return { key, uid: await uidOf(alg, key.pub) };
}

export async function makeRoom(alg = "p256") {
  const key = await SigningKey.generate(alg);
  return { key, rid: await ridOf(alg, key.pub) };
}

/** A request item as members receive it. */
export async function makeRequest(room, user, changes = {}) {
  const box = changes.boxKey ?? (await BoxKey.generate());
  const item = {
    rid: room.rid,
    uid: user.uid,
    request_id: randomId(),
    sign_pub: toBase64url(user.key.pub),
    sign_alg: user.key.alg,
    box_pub: toBase64url(box.pub),
    box_alg: BOX_ALG,
    note: "It is Bob",
    exp: Date.now() + HOUR_MS,
    ...changes.signed,
  };
  item.sig = await signFields("request", item, user.key);
  return { box, item: { ...item, state: "pending", created: Date.now(), seq: 1, approvals: 0 } };
}

/** An approve item as the newcomer receives it. `changes` apply before signing. */
export async function makeApprove(room, approver, request, changes = {}) {
  const context = { rid: room.rid, request_id: request.request_id, to: request.uid };
  const boxPub = fromBase64url(request.box_pub);
  const item = {
    ...context,
    approve_id: randomId(),
    by: approver.uid,
    sign_pub: toBase64url(approver.key.pub),
    sign_alg: approver.key.alg,
    box: await boxOf(request.box_alg, boxPub),
    alg: BOX_ALG,
    ct: toBase64url(await seal(boxPub, context, room.key.private)),
    exp: Date.now() + HOUR_MS,
    ...changes,
  };
  item.room_sig = await signFields("approve", item, room.key);
  item.user_sig = await signFields("approve", item, approver.key);
  return item;
}

/** A member's denial of a request as the newcomer receives it. */
export async function makeDenial(room, member, request, changes = {}) {
  const content = { code: "not_now", block: false, by: member.uid, ...changes };
  const signed = { rid: room.rid, request_id: request.request_id, to: request.uid, ...content };
  const { to: _to, ...notice } = signed;
  return { ...notice, event: "denied", seq: 7, room_sig: await signFields("deny", signed, room.key) };
}

/** Answers each event from a table, and records what was sent. */
export class FakeQueue {
  sent = [];
  constructor(answers = {}, log = []) {
    this.answers = answers;
    this.log = log;
  }
  async send(event, payload) {
    this.sent.push({ event, payload });
    this.log.push(event);
    const answer = this.answers[event];
    if (answer instanceof Error) throw answer;
    return typeof answer === "function" ? answer(payload) : (answer ?? {});
  }
}

/** The listening part of a phoenix.js channel; `bring` simulates a push by the server. */
export class FakeChannel {
  #handlers = [];
  on(event, handler) {
    return this.#handlers.push([event, handler]);
  }
  bring(event, payload) {
    for (const [name, handler] of this.#handlers) if (name === event) handler(payload);
  }
}

/** Waits for a condition without timers, because a test may have stopped them. */
export async function until(condition) {
  const begun = Date.now();
  while (!(await condition())) {
    if (Date.now() - begun > 5000) throw new Error(`timed out waiting for: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A storage that records each change. */
export class LoggedStorage extends MemoryStorage {
  constructor(log) {
    super();
    this.log = log;
  }
  set(name, value) {
    super.set(name, value);
    this.log.push(`set ${name.split("/").at(-1)}`);
  }
  delete(name) {
    super.delete(name);
    this.log.push(`delete ${name.split("/").at(-1)}`);
  }
}

export function makeContext(user, storage = new MemoryStorage(), newcomerOf) {
  const warnings = [];
  const warn = (error) => warnings.push(error);
  const clock = new Clock(warn);
  const records = new Records(storage, clock);
  const notices = new Notices({ records, warn }, newcomerOf);
  return { user: user.key, uid: user.uid, device: randomId(), records, clock, notices, warn, warnings };
}
