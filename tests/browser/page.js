/**
 * What a person does with the reference client in a page. The test calls it from outside, one step at a time; what must
 * not cross over (rooms, connections) stays here.
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
  heard: [],

  /** What is in this browser's storage is who this person is. */
  async connect(url, transport = "websocket", options = {}) {
    vestibule = await Vestibule.connect(url, {
      ...options,
      storage: new LocalStorage(),
      transport: TRANSPORTS[transport],
      onWarning: (warning) => this.warnings.push(String(warning)),
    });
    return vestibule.uid;
  },

  /** Connects, gives up, and connects again in the same breath: `after` a connection, or before there is one. */
  async remount(url, after) {
    const connect = (signal) => Vestibule.connect(url, { storage: new LocalStorage(), signal });
    const end = new AbortController();
    const first = connect(end.signal);
    if (after) await first;
    const left = after ? (await first).disconnect() : end.abort(new Error("unmounted"));
    const second = connect();
    if (!after) await first.then(() => this.warnings.push("it was not given up"), () => {});
    vestibule = await second;
    await left;
    return vestibule.uid;
  },

  async createRoom() {
    room = await vestibule.createRoom({ name: "Garden", policy: "request" });
    room.on("hello", (payload) => this.heard.push(payload));
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

  /** Whether this browser derives a public key from a private one, which is all that a storage keeps. */
  async derivesPublicKey(alg) {
    const made = await SigningKey.generate(alg);
    const again = await SigningKey.fromPrivate(alg, made.private);
    const bytes = new TextEncoder().encode("signed by the one, verified by the other");
    return made.equals(again) && (await verify(alg, again.pub, bytes, await made.sign(bytes)));
  },
};
