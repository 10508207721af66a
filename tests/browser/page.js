/**
 * A person's actions with the reference client in a page. The test calls them one at a time;
 * objects that cannot leave the page (rooms, connections) stay here.
 */
import { LongPoll } from "phoenix";
import { LocalStorage, Vestibule } from "vestibule-client";
import { SigningKey, verify } from "/client/src/keys.js";

const TRANSPORTS = { websocket: globalThis.WebSocket, longpoll: LongPoll };

let vestibule;
let room;
let asked;

globalThis.person = {
  warnings: [],
  requests: [],
  received: [],

  /** Connects as the user in this browser's storage. */
  async connect(url, transport = "websocket", options = {}) {
    vestibule = await Vestibule.connect(url, {
      ...options,
      storage: new LocalStorage(),
      transport: TRANSPORTS[transport],
      onWarning: (warning) => this.warnings.push(String(warning)),
    });
    return vestibule.uid;
  },

  /** Connects, aborts and immediately connects again: `after` connecting, or before. */
  async remount(url, after) {
    const connect = (signal) => Vestibule.connect(url, { storage: new LocalStorage(), signal });
    const end = new AbortController();
    const first = connect(end.signal);
    if (after) await first;
    const left = after ? (await first).disconnect() : end.abort(new Error("unmounted"));
    const second = connect();
    if (!after) await first.then(() => this.warnings.push("it was not aborted"), () => {});
    vestibule = await second;
    await left;
    return vestibule.uid;
  },

  async createRoom() {
    room = await vestibule.createRoom({ name: "Garden", policy: "request" });
    room.on("hello", (payload) => this.received.push(payload));
    room.onRequest((request) => {
      asked = request;
      this.requests.push({ note: request.note, fingerprint: request.fingerprint });
    });
    return room.rid;
  },

  async openRoom(rid) {
    room = await vestibule.openRoom(rid);
  },

  async ask(note) {
    const { fingerprint } = await room.ask({ note });
    return fingerprint;
  },

  async approve() {
    await asked.approve();
  },

  async whenKey() {
    await room.whenKey();
  },

  get role() {
    return room.role;
  },

  async send(event, payload) {
    await room.send(event, payload);
  },

  get present() {
    return room.presence.list((uid) => uid);
  },

  async disconnect() {
    await vestibule.disconnect();
  },

  /**
   * Whether this browser derives a public key from a private one: storages hold only private keys.
   */
  async derivesPublicKey(alg) {
    const made = await SigningKey.generate(alg);
    const again = await SigningKey.fromPrivate(alg, made.private);
    const bytes = new TextEncoder().encode("signed by one key, verified by the other");
    return made.equals(again) && (await verify(alg, again.pub, bytes, await made.sign(bytes)));
  },
};
