/**
 * Alice or Bob: one connection with its own storage, the person's actions, and what they see.
 */
import { computed, signal } from "@preact/signals";
import { Vestibule } from "vestibule-client";
import { Recorder } from "../wire/recorder.js";
import { HeldDenials } from "./held-denials.js";
import { WatchedStorage } from "./watched-storage.js";

/**
 * The delay before the next attempt if the server does not answer or another window is connected.
 */
const TRY_AGAIN_MS = 1000;

/** The time-out of one attempt. */
const TIMEOUT_MS = 5000;

/** The event of chat messages. */
const SAY = "say";

/** The name of this page's own record in the storage: whether the person was online. */
const WAS_ONLINE = "was-online";

/**
 * @typedef {object} PersonState
 * @property {string} uid
 * @property {import("vestibule-client").JoinRequest[]} pending the requests that a member can
 *   answer
 * @property {import("vestibule-client").Denial[]} denials for members: who may not ask for now
 * @property {import("vestibule-client").Asked | null} asked the person's open request
 * @property {string | null} ended the reason why the last request ended without the key
 * @property {{from: string, text: string}[]} messages
 * @property {{reason: string} | null} error
 */

/** @type {PersonState} */
const INITIAL_STATE = { uid: "", pending: [], denials: [], asked: null, ended: null, messages: [], error: null };

export class Person {
  #currentRoom;
  #recorder;
  #storage;
  /** @type {Vestibule | null} */
  #client = null;
  /** @type {import("vestibule-client").Room | null} */
  #room = null;
  /** Settles when this person has joined the current room. */
  #showing = Promise.resolve();
  /** Connects and disconnects one at a time. */
  #turn = Promise.resolve();
  #wanted = false;

  /**
   * `away` is the server, to which the person was connected.
   *
   * @type {import("@preact/signals").Signal<"offline" | "connecting" | "online" | "away" |
   *   "elsewhere">}
   */
  status = signal("offline");
  /** @type {import("@preact/signals").Signal<"guest" | "member">} */
  role = signal("guest");
  /** @type {import("@preact/signals").Signal<PersonState>} */
  state = signal(INITIAL_STATE);
  /** The denials that can still be undone. */
  held = new HeldDenials();
  /** The names of this person's records in the browser's storage. */
  storedNames = signal([]);
  /** Whether the current room's key is in the storage. */
  hasKey = computed(() => this.storedNames.value.includes(`room/${this.#currentRoom.rid.value}/key`));

  /**
   * @param {string} name in lower case, as in the diagram
   * @param {import("./current-room.js").CurrentRoom} currentRoom the room that the page shows
   * @param {(entry: import("../wire/recorder.js").LogEntry) => void} tell
   */
  constructor(name, currentRoom, tell) {
    this.name = name;
    this.#currentRoom = currentRoom;
    this.#recorder = new Recorder(name, (entry) => this.#record(entry, tell));
    this.#storage = new WatchedStorage(name, (key, isWritten) => {
      this.storedNames.value = this.#storage.names();
      if (isWritten) this.#recorder.saved(key);
    });
    this.storedNames.value = this.#storage.names();
    // The person's other window uses the same storage.
    addEventListener("storage", () => (this.storedNames.value = this.#storage.names()));
    currentRoom.rid.subscribe((rid) => this.#showRoom(rid));
  }

  /** @returns {string} the name as displayed */
  get title() {
    return this.name[0].toUpperCase() + this.name.slice(1);
  }

  /** @returns {boolean} whether this person was online when the page was left */
  get wasOnline() {
    return this.#storage.get(WAS_ONLINE) !== null;
  }

  /** @returns {Promise<void>} when connected, or told to go offline; keeps trying until then */
  goOnline() {
    this.#wanted = true;
    if (!this.wasOnline) this.#storage.set(WAS_ONLINE, "yes");
    return this.#next(() => this.#goOnline());
  }

  /** @returns {Promise<void>} */
  goOffline() {
    this.#wanted = false;
    this.#storage.delete(WAS_ONLINE);
    return this.#next(() => this.#goOffline());
  }

  /** @param {{name?: string, policy?: "open" | "request"}} [options] */
  async createRoom({ name = "Garden", policy = "request" } = {}) {
    await this.#turn;
    if (!this.#client) throw new Error(`${this.title} is offline`);
    const room = await this.#client.createRoom({ name, policy });
    this.#currentRoom.rid.value = room.rid;
    await this.#showing;
  }

  /** @param {string} [note] */
  async ask(note) {
    this.#update({ ended: null });
    const room = await this.#inRoom();
    this.#update({ asked: await room.ask({ note }) });
    this.#wait(room);
  }

  async withdraw() {
    await (await this.#inRoom()).withdraw();
  }

  /** @param {import("vestibule-client").JoinRequest} request */
  async approve(request) {
    await request.approve();
    this.#refresh();
  }

  /**
   * Denies a request after a moment, in which `held.undo` can prevent it.
   *
   * @param {import("vestibule-client").JoinRequest} request
   */
  async deny(request) {
    const room = await this.#inRoom();
    if (!(await this.held.hold(request)) || !room.pending.includes(request)) return;
    await room.deny(request, { code: "not now" });
    this.#refresh();
    await this.#refreshDenials();
  }

  /** Lifts a denial: the newcomer's request is open again. @param {string} uid */
  async unblock(uid) {
    await (await this.#inRoom()).unblock(uid);
    await this.#refreshDenials();
  }

  /** @param {string} text for the members who are online */
  async sendMessage(text) {
    const message = { from: this.title, text };
    await (await this.#inRoom()).sendSealed(SAY, message);
    this.#addMessage(message);
  }

  /**
   * Deletes everything that this browser stores for the person, who will be a new user next time.
   */
  async forget() {
    await this.goOffline();
    for (const name of this.#storage.names()) this.#storage.delete(name);
    this.state.value = INITIAL_STATE;
  }

  #next(step) {
    this.#turn = this.#turn.then(step);
    return this.#turn;
  }

  async #goOnline() {
    if (this.#client) return;
    this.status.value = "connecting";
    while (this.#wanted && !this.#client) {
      try {
        this.#client = await this.#connect();
      } catch (error) {
        if (error.reason === "in_use") this.status.value = "elsewhere";
        else this.#update({ error });
        await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
      }
    }
    if (!this.#client) return void (this.status.value = "offline");
    this.#update({ uid: this.#client.uid, error: null });
    this.#recorder.signedIn(this.#client.uid);
    await this.#showRoom(this.#currentRoom.rid.value);
  }

  #connect() {
    return Vestibule.connect(location.origin, {
      storage: this.#storage,
      timeout: TIMEOUT_MS,
      socketOptions: { transport: this.#recorder.transport(), reconnectAfterMs: () => 500, rejoinAfterMs: () => 500 },
      onWarning: (warning) => this.#update({ error: warning }),
    });
  }

  async #goOffline() {
    const client = this.#client;
    this.#client = null;
    this.#room = null;
    this.held.clear();
    await client?.disconnect();
    this.role.value = "guest";
    this.status.value = "offline";
    this.#update({ pending: [], denials: [] });
  }

  /** Joins the room that the page shows now. */
  #showRoom(rid) {
    this.#showing = this.#showing.then(() => this.#switchTo(rid));
    return this.#showing;
  }

  async #switchTo(rid) {
    if (!this.#client || this.#room?.rid === rid) return;
    const left = this.#room;
    this.#room = null;
    this.held.clear();
    await left?.leave();
    this.state.value = { ...INITIAL_STATE, uid: this.state.value.uid };
    if (!rid) return;
    try {
      await this.#enter(await this.#client.openRoom(rid));
    } catch (error) {
      if (error.reason !== "disconnected") this.#update({ error });
    }
  }

  async #enter(room) {
    this.#room = room;
    this.role.value = room.role;
    const current = (handle) => (...values) => this.#room === room && handle(...values);
    room.onRole(current((role) => {
      this.role.value = role;
      this.#refresh();
      this.#refreshDenials().catch(() => {});
    }));
    room.onCard(current((card) => (this.#currentRoom.card.value = card)));
    room.onRequest(current(() => this.#refresh()));
    room.onRequestGone(current(({ state }) => {
      this.#refresh();
      if (state === "denied") this.#refreshDenials().catch(() => {});
    }));
    room.onReceipt(current(() => this.#refresh()));
    room.onSealed(SAY, current((message) => this.#addMessage(message)));
    this.#currentRoom.card.value = room.card;
    this.#currentRoom.fingerprint.value = room.fingerprint;
    this.#refresh();
    this.#refreshDenials().catch(() => {});
    const asked = await room.asked();
    if (!asked || this.#room !== room) return;
    this.#update({ asked });
    this.#wait(room);
  }

  /** Waits until the key is saved, or the request has ended without it. */
  async #wait(room) {
    try {
      await room.whenKey();
      if (this.#room === room) this.#update({ asked: null });
    } catch (error) {
      if (this.#room !== room || error.reason === "disconnected") return;
      this.#update({ asked: null, ended: error.reason });
      // Another member may still approve.
      if (error.reason === "denied") room.whenKey().then(() => this.#update({ ended: null }), () => {});
    }
  }

  #refresh() {
    this.#update({ pending: this.#room?.pending ?? [] });
  }

  /** While the server is away, what was read last stays. */
  async #refreshDenials() {
    const room = this.#room;
    if (room?.role !== "member") return;
    const denials = await room.denials();
    if (this.#room === room) this.#update({ denials });
  }

  #addMessage({ from, text }) {
    this.#update({ messages: [...this.state.value.messages, { from: String(from), text: String(text) }] });
  }

  #update(changes) {
    this.state.value = { ...this.state.value, ...changes };
  }

  /** A connection can also be lost by itself; then phoenix.js reconnects. */
  #record(entry, tell) {
    if (entry.kind === "connected") {
      this.status.value = "online";
      this.#update({ error: null });
    }
    if (entry.kind !== "disconnected") return tell(entry);
    this.status.value = this.#statusWithoutServer();
    tell({ ...entry, isLost: this.#wanted });
  }

  #statusWithoutServer() {
    if (!this.#wanted) return "offline";
    return this.#client ? "away" : "connecting";
  }

  /** A person who has just come online may still be joining the room. */
  async #inRoom() {
    await this.#turn;
    await this.#showing;
    if (!this.#room) throw new Error(`${this.title} is not in a room`);
    return this.#room;
  }
}
