/**
 * Alice, or Bob: a connection of their own with a storage of their own, what they can do, and what they see.
 */
import { computed, signal } from "@preact/signals";
import { Vestibule } from "vestibule-client";
import { Facts } from "../wire/facts.js";
import { WatchedStorage } from "./watched-storage.js";

/** How long until the next try where the server does not answer, or another window is in the way. */
const TRY_AGAIN_MS = 1000;

/** How long one try waits. */
const TIMEOUT_MS = 5000;

/** Events of the chat. */
const SAY = "say";

/** What is written down of a person beside the client's own records: whether they were online. */
const WAS_ONLINE = "was-online";

/**
 * @typedef {object} Seen
 * @property {string} uid
 * @property {import("vestibule-client").JoinRequest[]} pending what a member can answer
 * @property {import("vestibule-client").Asked | null} asked the own open request
 * @property {string | null} ended why the last request ended without the key
 * @property {{from: string, text: string}[]} messages
 * @property {string | null} trouble
 */

/** @type {Seen} */
const NOTHING = { uid: "", pending: [], asked: null, ended: null, messages: [], trouble: null };

export class Person {
  #place;
  #facts;
  #storage;
  /** @type {Vestibule | null} */
  #client = null;
  /** @type {import("vestibule-client").Room | null} */
  #room = null;
  /** Settles when this person stands at the door of the room that is looked at. */
  #looking = Promise.resolve();
  /** Coming and going, one after the other. */
  #turn = Promise.resolve();
  #wanted = false;

  /** @type {import("@preact/signals").Signal<"offline" | "connecting" | "online" | "elsewhere">} */
  status = signal("offline");
  /** @type {import("@preact/signals").Signal<"guest" | "member">} */
  role = signal("guest");
  /** @type {import("@preact/signals").Signal<Seen>} */
  seen = signal(NOTHING);
  /** Names of what the browser keeps of this person. */
  kept = signal([]);
  /** Whether the key of the room that is looked at is in the storage. */
  hasKey = computed(() => this.kept.value.includes(`room/${this.#place.rid.value}/key`));

  /**
   * @param {string} name lower case, as in the diagram
   * @param {import("./place.js").Place} place which room it is about
   * @param {(fact: import("../wire/facts.js").Fact) => void} tell
   */
  constructor(name, place, tell) {
    this.name = name;
    this.#place = place;
    this.#facts = new Facts(name, (fact) => this.#heard(fact, tell));
    this.#storage = new WatchedStorage(name, (key, isWritten) => {
      this.kept.value = this.#storage.names();
      if (isWritten) this.#facts.saved(key);
    });
    this.kept.value = this.#storage.names();
    // The person's other window writes to the same storage.
    addEventListener("storage", () => (this.kept.value = this.#storage.names()));
    place.rid.subscribe((rid) => this.#look(rid));
  }

  /** @returns {string} for people to read */
  get title() {
    return this.name[0].toUpperCase() + this.name.slice(1);
  }

  /** @returns {boolean} whether this person was online when the page was left */
  get wasOnline() {
    return this.#storage.get(WAS_ONLINE) !== null;
  }

  /** @returns {Promise<void>} when connected; goes on trying until then, or until told to go offline */
  goOnline() {
    this.#wanted = true;
    if (!this.wasOnline) this.#storage.set(WAS_ONLINE, "yes");
    return this.#next(() => this.#arrive());
  }

  /** @returns {Promise<void>} */
  goOffline() {
    this.#wanted = false;
    this.#storage.delete(WAS_ONLINE);
    return this.#next(() => this.#leave());
  }

  /** @param {{name?: string, policy?: "open" | "request"}} [options] */
  async createRoom({ name = "Garden", policy = "request" } = {}) {
    await this.#turn;
    if (!this.#client) throw new Error(`${this.title} is offline`);
    const room = await this.#client.createRoom({ name, policy });
    this.#place.rid.value = room.rid;
    await this.#looking;
  }

  /** @param {string} [note] */
  async ask(note) {
    this.#see({ ended: null });
    const room = await this.#inRoom();
    this.#see({ asked: await room.ask({ note }) });
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

  /** @param {import("vestibule-client").JoinRequest} request */
  async deny(request) {
    await (await this.#inRoom()).deny(request, { code: "not now" });
    this.#refresh();
  }

  /** @param {string} text to the members who are online */
  async say(text) {
    const message = { from: this.title, text };
    await (await this.#inRoom()).sendSealed(SAY, message);
    this.#heardSay(message);
  }

  /** Everything of this person is deleted in this browser: the next time they are somebody else. */
  async forget() {
    await this.goOffline();
    for (const name of this.#storage.names()) this.#storage.delete(name);
    this.seen.value = NOTHING;
  }

  #next(step) {
    this.#turn = this.#turn.then(step);
    return this.#turn;
  }

  async #arrive() {
    if (this.#client) return;
    this.status.value = "connecting";
    while (this.#wanted && !this.#client) {
      try {
        this.#client = await this.#connect();
      } catch (error) {
        if (error.reason === "in_use") this.status.value = "elsewhere";
        else this.#see({ trouble: error.message });
        await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
      }
    }
    if (!this.#client) return void (this.status.value = "offline");
    this.#see({ uid: this.#client.uid, trouble: null });
    this.#facts.is(this.#client.uid);
    await this.#look(this.#place.rid.value);
  }

  #connect() {
    return Vestibule.connect(location.origin, {
      storage: this.#storage,
      timeout: TIMEOUT_MS,
      socketOptions: { transport: this.#facts.transport(), reconnectAfterMs: () => 500, rejoinAfterMs: () => 500 },
      onWarning: (warning) => this.#see({ trouble: warning.message }),
    });
  }

  async #leave() {
    const client = this.#client;
    this.#client = null;
    this.#room = null;
    await client?.disconnect();
    this.role.value = "guest";
    this.status.value = "offline";
    this.#see({ pending: [] });
  }

  /** Another room is looked at, or this person has come online. */
  #look(rid) {
    this.#looking = this.#looking.then(() => this.#goTo(rid));
    return this.#looking;
  }

  async #goTo(rid) {
    if (!this.#client || this.#room?.rid === rid) return;
    const left = this.#room;
    this.#room = null;
    await left?.leave();
    this.seen.value = { ...NOTHING, uid: this.seen.value.uid };
    if (!rid) return;
    try {
      await this.#enter(await this.#client.openRoom(rid));
    } catch (error) {
      if (error.reason !== "disconnected") this.#see({ trouble: error.message });
    }
  }

  async #enter(room) {
    this.#room = room;
    this.role.value = room.role;
    const current = (handle) => (...values) => this.#room === room && handle(...values);
    room.onRole(current((role) => {
      this.role.value = role;
      this.#refresh();
    }));
    room.onCard(current((card) => (this.#place.card.value = card)));
    room.onRequest(current(() => this.#refresh()));
    room.onRequestGone(current(() => this.#refresh()));
    room.onReceipt(current(() => this.#refresh()));
    room.onSealed(SAY, current((message) => this.#heardSay(message)));
    this.#place.card.value = room.card;
    this.#place.words.value = room.fingerprint;
    this.#refresh();
    const asked = await room.asked();
    if (!asked || this.#room !== room) return;
    this.#see({ asked });
    this.#wait(room);
  }

  /** Until the key is here, or the request has ended without it. */
  async #wait(room) {
    try {
      await room.whenKey();
      if (this.#room === room) this.#see({ asked: null });
    } catch (error) {
      if (this.#room !== room || error.reason === "disconnected") return;
      this.#see({ asked: null, ended: error.reason });
      // Another member may approve all the same.
      if (error.reason === "denied") room.whenKey().then(() => this.#see({ ended: null }), () => {});
    }
  }

  #refresh() {
    this.#see({ pending: this.#room?.pending ?? [] });
  }

  #heardSay({ from, text }) {
    this.#see({ messages: [...this.seen.value.messages, { from: String(from), text: String(text) }] });
  }

  #see(changes) {
    this.seen.value = { ...this.seen.value, ...changes };
  }

  /** The connection comes and goes by itself too, and phoenix.js makes the next one. */
  #heard(fact, tell) {
    if (fact.kind === "connected") this.status.value = "online";
    if (fact.kind === "disconnected") this.status.value = this.#wanted ? "connecting" : "offline";
    tell(fact);
  }

  /** Who has just come is still on the way to the door. */
  async #inRoom() {
    await this.#turn;
    await this.#looking;
    if (!this.#room) throw new Error(`${this.title} is at no room's door`);
    return this.#room;
  }
}
