/**
 * The log of this window and the browser's other windows: the arrows, what the server has stored of
 * the room, and the people's names. It is stored for the session, so that a reloaded page
 * continues.
 */
import { effect, signal } from "@preact/signals";
import { arrowOf } from "./arrows.js";
import { applyEntry, emptyRoom } from "./stored-room.js";

const STORAGE_KEY = "vestibule-demo/arrows";
const OTHER_WINDOWS = "vestibule-demo/entries";

/** The number of arrows that are kept. */
const MAX_ARROWS = 400;

export class Log {
  /** @type {import("@preact/signals").Signal<(import("./arrows.js").Arrow & {id: number})[]>} */
  arrows = signal([]);
  /** @type {import("@preact/signals").Signal<import("./stored-room.js").StoredRoom>} */
  stored = signal(emptyRoom(null));
  /**
   * Which people are connected.
   *
   * @type {import("@preact/signals").Signal<Record<string, boolean>>}
   */
  online = signal({});
  /** Names by uid. */
  #names = signal({});
  #windows = new BroadcastChannel(OTHER_WINDOWS);
  /** Approves already drawn: both the inbox and the room return them, and one arrow is enough. */
  #delivered = new Set();
  #count = 0;

  /** @param {globalThis.Storage} session */
  constructor(session) {
    this.#restore(session);
    this.#windows.onmessage = ({ data: entry }) => this.#take(entry);
    effect(() => {
      const kept = { arrows: this.arrows.value, stored: this.stored.value, names: this.#names.value };
      session.setItem(STORAGE_KEY, JSON.stringify(kept));
    });
  }

  /** @param {import("./recorder.js").LogEntry} entry of this window */
  add(entry) {
    this.#windows.postMessage(entry);
    this.#take(entry);
  }

  /** Shows another room, of which nothing is known yet. @param {string | null} rid */
  showRoom(rid) {
    if (this.stored.value.rid !== rid) this.stored.value = emptyRoom(rid);
  }

  /** Clears the diagram. */
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

  #take(entry) {
    const { who, kind } = entry;
    if (kind === "signed-in") {
      this.#names.value = { ...this.#names.value, [entry.uid]: who[0].toUpperCase() + who.slice(1) };
    }
    if (kind === "connected" || kind === "disconnected") {
      this.online.value = { ...this.online.value, [who]: kind === "connected" };
    }
    const uid = Object.entries(this.#names.value).findLast(([, name]) => name.toLowerCase() === who)?.[0];
    this.stored.value = applyEntry(this.stored.value, entry, uid);
    const arrow = this.#once(arrowOf(entry, (it) => this.nameOf(it)));
    if (!arrow) return;
    const before = arrow.question ? showQuestion(this.arrows.value, arrow) : this.arrows.value;
    const next = { ...arrow, id: this.#count++, online: this.online.value };
    this.arrows.value = before.toSpliced(positionOf(before, arrow), 0, next).slice(-MAX_ARROWS);
  }

  #once(arrow) {
    if (!arrow?.delivers) return arrow;
    const keys = arrow.delivers.map((id) => `${arrow.to} ${id}`);
    const isNew = keys.some((key) => !this.#delivered.has(key));
    for (const key of keys) this.#delivered.add(key);
    return isNew ? arrow : { ...arrow, question: undefined, minor: true };
  }

  #restore(session) {
    const kept = JSON.parse(session.getItem(STORAGE_KEY) ?? "null");
    if (!kept) return;
    this.arrows.value = kept.arrows;
    this.stored.value = kept.stored;
    this.#names.value = kept.names;
    this.#count = (kept.arrows.at(-1)?.id ?? -1) + 1;
  }
}

/**
 * A join or a proof concerns only the connection, until its reply delivers what the flow waits for.
 */
function showQuestion(arrows, { question, entry: { who, topic, event } }) {
  const isQuestion = ({ entry }) => {
    return entry.kind === "sent" && entry.who === who && entry.topic === topic && entry.event === event;
  };
  const at = arrows.findLastIndex(isQuestion);
  return arrows.map((arrow, index) => {
    return index === at ? { ...arrow, to: "room", label: question, minor: false, dashed: true } : arrow;
  });
}

/**
 * The effect of a frame may arrive over another connection before its reply. The frame was stored
 * first nevertheless, so its reply is drawn first.
 */
function positionOf(arrows, { entry: { kind, event, payload } }) {
  if (kind !== "replied") return arrows.length;
  // Another user may have chosen the same id; the key tells the users apart.
  const isSame = (other) => ["request_id", "sign_pub"].every((name) => other[name] === payload[name]);
  const isEffect = ({ entry }) => entry.kind === "pushed" && entry.event === event && isSame(entry.payload);
  const sent = arrows.findLastIndex(({ entry }) => entry.kind === "sent" && entry.event === event);
  const at = arrows.findIndex((arrow, index) => index > sent && isEffect(arrow));
  return at < 0 || !payload.request_id ? arrows.length : at;
}
