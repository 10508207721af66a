/**
 * A lobby: one topic of a channel by configuration, and stock phoenix.js. What others send is
 * untrusted: it is cut to a bounded length, and shown as text only.
 */
import { signal } from "@preact/signals";
import { Presence, Socket } from "phoenix";

const TOPIC = "lobby:demo";
const EVENT = "new_msg";
const STORAGE_KEY = "vestibule-demo/lobby";

/** The number of messages that are kept on the page. */
const MAX_MESSAGES = 200;

/** The most characters of a name. */
export const MAX_NAME = 40;

/** The most characters of a message. With a name, they always fit the channel's `max_payload`. */
export const MAX_BODY = 280;

/**
 * @typedef {object} Said
 * @property {"said"} kind
 * @property {string} id given by the server
 * @property {string} name
 * @property {string} body
 * @property {boolean} isOwn
 *
 * @typedef {object} Note
 * @property {"missed" | "gap"} kind what the server said of the messages since the last one
 * @property {string} id
 * @property {number} [missed] how many messages follow that were missed
 * @property {string} [gap] why messages are missing
 */

export class Lobby {
  #session;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {import("phoenix").Channel | null} */
  #channel = null;
  /** The `_id` of the last message that the page has seen. */
  #lastId;
  /** The ids of the own messages, which the server may send before it answers. */
  #own = new Set();
  #notes = 0;

  /**
   * `offline` by one's own choice; `away` is the server; `unserved` if it has no such channel, and
   * `refused` if it refuses the join for any other reason.
   *
   * @type {import("@preact/signals").Signal<"outside" | "joining" | "inside" | "offline" | "away" |
   *   "unserved" | "refused">}
   */
  status = signal("outside");
  /** The name by which one entered, or entered last. */
  name = signal("");
  /** @type {import("@preact/signals").Signal<{key: string, name: string}[]>} who is there */
  people = signal([]);
  /** @type {import("@preact/signals").Signal<(Said | Note)[]>} */
  messages = signal([]);
  /** @type {import("@preact/signals").Signal<{reason: string} | null>} why the join was refused */
  refusal = signal(null);

  /** @param {globalThis.Storage} session keeps the name and the messages when the page is reloaded */
  constructor(session) {
    this.#session = session;
    const kept = JSON.parse(session.getItem(STORAGE_KEY) ?? "null");
    if (!kept) return;
    this.name.value = kept.name;
    this.messages.value = kept.messages;
    this.#lastId = kept.lastId;
    if (kept.isOnline) this.#connect();
    else this.status.value = "offline";
  }

  /** @param {string} name as others see it */
  enter(name) {
    this.name.value = bounded(name, MAX_NAME);
    this.#connect();
  }

  /** Tries again to enter, such as when the server's configuration was changed. */
  retry() {
    this.#connect();
  }

  /** Leaves for good, and forgets what was said. */
  leave() {
    this.#disconnect();
    this.#lastId = undefined;
    this.messages.value = [];
    this.people.value = [];
    this.status.value = "outside";
    this.#session.removeItem(STORAGE_KEY);
  }

  /** Disconnects. What is said meanwhile comes when one is online again. */
  goOffline() {
    this.#disconnect();
    this.people.value = [];
    this.status.value = "offline";
    this.#keep();
  }

  goOnline() {
    this.#connect();
  }

  /**
   * @param {string} body
   * @returns {Promise<void>} when the server has passed it on; rejects with its refusal
   */
  say(body) {
    const payload = { name: this.name.value, body: bounded(body, MAX_BODY) };
    return new Promise((resolve, reject) => {
      if (this.status.value !== "inside") return reject({ reason: "disconnected" });
      this.#channel
        .push(EVENT, payload)
        .receive("ok", ({ _id: id }) => {
          this.#own.add(id);
          this.#update((message) => (message.id === id ? { ...message, isOwn: true } : message));
          resolve();
        })
        .receive("error", reject)
        .receive("timeout", () => reject({ reason: "timeout" }));
    });
  }

  #connect() {
    this.#disconnect();
    this.refusal.value = null;
    this.status.value = "joining";
    const socket = new Socket("/socket");
    this.#socket = socket;
    const current = (handle) => (...values) => this.#socket === socket && handle(...values);
    socket.onOpen(current(() => (this.status.value = "joining")));
    socket.onClose(current(() => (this.status.value = "away")));
    socket.onError(current(() => (this.status.value = "away")));
    socket.connect();
    this.#join(socket, current);
    this.#keep();
  }

  #join(socket, current) {
    const params = () => ({ name: this.name.value, ...(this.#lastId && { last_id: this.#lastId }) });
    const channel = socket.channel(TOPIC, params);
    this.#channel = channel;
    channel.onMessage = (event, payload) => {
      if (typeof payload?._id === "string") this.#lastId = payload._id;
      return payload;
    };
    channel.on(EVENT, current((payload) => this.#heard(payload)));
    channel.onClose(current(() => this.#refused({ reason: "channel_closed" })));
    const presence = new Presence(channel);
    presence.onSync(current(() => (this.people.value = presence.list(personOf).sort(byName))));
    // phoenix.js calls these after each rejoin, too.
    channel
      .join()
      .receive("ok", current(({ history }) => this.#joined(history)))
      .receive("error", current((refusal) => this.#refused(refusal)));
  }

  #joined(history) {
    this.status.value = "inside";
    if (history?.missed > 0) this.#note({ kind: "missed", missed: history.missed });
    if (history?.gap) this.#note({ kind: "gap", gap: history.gap });
    if (history?.gap || !this.#lastId) this.#lastId = history?.last_id;
    this.#keep();
  }

  /** phoenix.js would try again for ever; a person may decide when. */
  #refused(refusal) {
    this.#disconnect();
    this.people.value = [];
    this.refusal.value = refusal;
    this.status.value = refusal.reason === "unmatched topic" ? "unserved" : "refused";
  }

  #disconnect() {
    const socket = this.#socket;
    this.#socket = null;
    this.#channel = null;
    socket?.disconnect();
  }

  #heard({ _id: id, name, body }) {
    this.#add({ kind: "said", id, name: nameOf(name), body: bounded(body, MAX_BODY), isOwn: this.#own.has(id) });
    this.#keep();
  }

  #note(note) {
    this.#add({ ...note, id: `note-${Date.now()}-${this.#notes++}` });
  }

  #add(message) {
    this.messages.value = [...this.messages.value, message].slice(-MAX_MESSAGES);
  }

  #update(change) {
    this.messages.value = this.messages.value.map(change);
    this.#keep();
  }

  #keep() {
    const isOnline = this.status.value !== "offline";
    const kept = { name: this.name.value, messages: this.messages.value, lastId: this.#lastId, isOnline };
    this.#session.setItem(STORAGE_KEY, JSON.stringify(kept));
  }
}

/** The first characters of a text, as people count them; of anything else, nothing. */
function bounded(value, length) {
  return typeof value === "string" ? [...value.slice(0, 2 * length)].slice(0, length).join("").trim() : "";
}

const nameOf = (value) => bounded(value, MAX_NAME) || "somebody without a name";

const byName = (one, other) => one.name.localeCompare(other.name);

/** One entry of the presence list. */
const personOf = (key, { metas: [meta] }) => ({ key, name: nameOf(meta.name) });
