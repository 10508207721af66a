/**
 * Everything that has happened, in this window and in the others of this browser: the arrows, what the room has stored,
 * and who is who. Kept for the session, so that a reloaded page goes on where it was.
 */
import { effect, signal } from "@preact/signals";
import { arrowOf } from "./arrows.js";
import { nothingOf, remember } from "./stored.js";

const KEPT = "vestibule-demo/log";
const OTHER_WINDOWS = "vestibule-demo/facts";

/** So many arrows are kept; what is older has scrolled away long ago. */
const MOST_ARROWS = 400;

export class Log {
  /** @type {import("@preact/signals").Signal<(import("./arrows.js").Arrow & {id: number})[]>} */
  arrows = signal([]);
  /** @type {import("@preact/signals").Signal<import("./stored.js").StoredRoom>} */
  stored = signal(nothingOf(null));
  /** Who is connected, of all that are heard of. @type {import("@preact/signals").Signal<Record<string, boolean>>} */
  online = signal({});
  /** Names, by uid. */
  #names = signal({});
  #windows = new BroadcastChannel(OTHER_WINDOWS);
  /** Approves that somebody was brought: the inbox and the room both answer with them, and once is enough to see. */
  #brought = new Set();
  #count = 0;

  /** @param {globalThis.Storage} session */
  constructor(session) {
    this.#restore(session);
    this.#windows.onmessage = ({ data: fact }) => this.#take(fact);
    effect(() => {
      const kept = { arrows: this.arrows.value, stored: this.stored.value, names: this.#names.value };
      session.setItem(KEPT, JSON.stringify(kept));
    });
  }

  /** @param {import("./facts.js").Fact} fact of this window */
  add(fact) {
    this.#windows.postMessage(fact);
    this.#take(fact);
  }

  /** Another room is looked at, of which nothing is known. @param {string | null} rid */
  look(rid) {
    if (this.stored.value.rid !== rid) this.stored.value = nothingOf(rid);
  }

  /** The diagram begins anew. */
  clear() {
    this.arrows.value = [];
  }

  /**
   * @param {string} uid
   * @returns {string}
   */
  nameOf(uid) {
    return this.#names.value[uid] ?? "somebody";
  }

  #take(fact) {
    const { who, kind } = fact;
    if (kind === "is") this.#names.value = { ...this.#names.value, [fact.uid]: who[0].toUpperCase() + who.slice(1) };
    if (kind === "connected" || kind === "disconnected") {
      this.online.value = { ...this.online.value, [who]: kind === "connected" };
    }
    const uid = Object.entries(this.#names.value).findLast(([, name]) => name.toLowerCase() === who)?.[0];
    this.stored.value = remember(this.stored.value, fact, uid);
    const arrow = this.#once(arrowOf(fact, (it) => this.nameOf(it)));
    if (!arrow) return;
    const before = arrow.question ? asked(this.arrows.value, arrow) : this.arrows.value;
    const next = { ...arrow, id: this.#count++, online: this.online.value };
    this.arrows.value = before.toSpliced(placeOf(before, arrow), 0, next).slice(-MOST_ARROWS);
  }

  #once(arrow) {
    if (!arrow?.brings) return arrow;
    const keys = arrow.brings.map((id) => `${arrow.to} ${id}`);
    const isNews = keys.some((key) => !this.#brought.has(key));
    for (const key of keys) this.#brought.add(key);
    return isNews ? arrow : { ...arrow, question: undefined, minor: true };
  }

  #restore(session) {
    const kept = JSON.parse(session.getItem(KEPT) ?? "null");
    if (!kept) return;
    this.arrows.value = kept.arrows;
    this.stored.value = kept.stored;
    this.#names.value = kept.names;
    this.#count = (kept.arrows.at(-1)?.id ?? -1) + 1;
  }
}

/** A join or a proof is a matter of the connection, until its answer brings what the flow waits for. */
function asked(arrows, { question, fact: { who, topic, event } }) {
  const isQuestion = ({ fact }) => {
    return fact.kind === "said" && fact.who === who && fact.topic === topic && fact.event === event;
  };
  const at = arrows.findLastIndex(isQuestion);
  return arrows.map((arrow, index) => {
    return index === at ? { ...arrow, to: "room", label: question, minor: false, dashed: true } : arrow;
  });
}

/**
 * What came of a frame may be here before its answer is, by another connection. It was stored first all the same, and
 * is drawn so.
 */
function placeOf(arrows, { fact: { kind, event, payload } }) {
  if (kind !== "answered") return arrows.length;
  // The id alone may be another user's too, and the key tells whose it is.
  const isSame = (other) => ["request_id", "sign_pub"].every((name) => other[name] === payload[name]);
  const cameOfIt = ({ fact }) => fact.kind === "came" && fact.event === event && isSame(fact.payload);
  const said = arrows.findLastIndex(({ fact }) => fact.kind === "said" && fact.event === event);
  const at = arrows.findIndex((arrow, index) => index > said && cameOfIt(arrow));
  return at < 0 || !payload.request_id ? arrows.length : at;
}
