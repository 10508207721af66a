/**
 * Alice or Bob: a device whose storage outlives its connections, and whose frames are recorded.
 */
import { join } from "node:path";
import { Vestibule } from "vestibule-client";
import { FileStorage } from "vestibule-client/file-storage";
import { within } from "./support.js";
import { Wire } from "./wire.js";

/**
 * A version of the reference client.
 *
 * @typedef {object} Client
 * @property {typeof Vestibule} Vestibule
 * @property {typeof FileStorage} FileStorage
 */

/** This repository's client. @type {Client} */
export const PRESENT = { Vestibule, FileStorage };

/** Short, so that clients reconnect soon after a restart. phoenix.js does the reconnecting. */
const socketOptions = { reconnectAfterMs: () => 20, rejoinAfterMs: () => 20, timeout: 2000 };

/**
 * A file storage that can be stopped before or after a value is saved, to simulate a crash at that
 * point.
 */
class StoppableStorage {
  #file;
  #stops = [];

  constructor(file) {
    this.#file = file;
  }

  get(name) {
    return this.#file.get(name);
  }

  async set(name, value) {
    const matching = this.#stops.filter((stop) => name.endsWith(stop.name));
    for (const stop of matching) await stop.pass("before");
    await this.#file.set(name, value);
    for (const stop of matching) await stop.pass("after");
  }

  delete(name) {
    return this.#file.delete(name);
  }

  stop(name) {
    const stop = new Stop(name);
    this.#stops.push(stop);
    return stop;
  }
}

/** Stops the first saving of a value before and after it happens. Later savings are not stopped. */
class Stop {
  #places = { before: gate(), after: gate() };

  constructor(name) {
    this.name = name;
  }

  pass(place) {
    this.#places[place].reach();
    return this.#places[place].passed;
  }

  /** @param {"before" | "after"} place */
  reached(place) {
    return within(`saving ${this.name}: ${place}`, this.#places[place].reached);
  }

  /** @param {"before" | "after"} place */
  release(place) {
    this.#places[place].release();
  }
}

function gate() {
  const it = {};
  it.reached = new Promise((resolve) => (it.reach = resolve));
  it.passed = new Promise((resolve) => (it.release = resolve));
  return it;
}

/** A person with a device. */
export class Person {
  #server;
  #path;
  #alg;
  #transport;
  #clients;
  #storage;

  /**
   * @param {string} name
   * @param {import("./support.js").Server} server
   * @param {"p256" | "ed25519"} alg
   * @param {import("./wire.js").TransportName} transport
   * @param {Client[]} [clients] one for each start; the last one is used for all later starts
   */
  constructor(name, server, alg, transport, clients = [PRESENT]) {
    this.#server = server;
    this.#path = join(server.folder, `${name}.json`);
    this.#alg = alg;
    this.#transport = transport;
    this.#clients = [...clients];
    /** @type {Wire} */
    this.wire = new Wire(transport);
    /** @type {import("vestibule-client").VestibuleError[]} */
    this.warnings = [];
    /** @type {Vestibule | null} */
    this.client = null;
  }

  /**
   * Starts this person's client anew: it knows only what is in the file.
   *
   * @param {string} [stopAt] stop at saving the value whose name ends like this
   * @returns {Promise<Stop | undefined>}
   */
  async comeOnline(stopAt) {
    const client = this.#clients.length > 1 ? this.#clients.shift() : this.#clients[0];
    this.#storage = new StoppableStorage(new client.FileStorage(this.#path));
    const stop = stopAt && this.#storage.stop(stopAt);
    this.wire = new Wire(this.#transport);
    const options = { storage: this.#storage, alg: this.#alg, transport: this.wire.transport, socketOptions };
    const onWarning = (warning) => this.warnings.push(warning);
    this.client = await within("connected", client.Vestibule.connect(this.#server.url, { ...options, onWarning }));
    return stop;
  }

  /** @param {string} name the next value to stop at, see {@link Person#comeOnline} */
  stopAt(name) {
    return this.#storage.stop(name);
  }

  async goOffline() {
    if (this.client) await within("disconnected", this.client.disconnect());
    this.client = null;
  }

  /**
   * @param {string} name
   * @returns {Promise<any>} the value on this person's disk, read again
   */
  async saved(name) {
    return JSON.parse(await new FileStorage(this.#path).get(name));
  }
}
