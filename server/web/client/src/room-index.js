/**
 * Which rooms a storage knows, since it need not be able to list what is in it.
 */
import { VestibuleError } from "./errors.js";
import { Sequence } from "./sequence.js";

/** The name of the index in the storage. */
const NAME = "rooms";

/** The names of what makes a room worth listing. */
const OF_ROOM = /^room\/([A-Za-z0-9_-]{43})\/(?:key|request)$/;

/** One storage's. */
export class RoomIndex {
  #storage;
  /** By now. @type {Set<string> | null} */
  #rids = null;
  #steps = new Sequence();

  /** @param {import("./json-storage.js").JsonStorage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * To be called before anything of the room is written: a crash in between leaves a room too many, never one too few.
   *
   * @param {string} rid
   * @returns {Promise<void>}
   */
  add(rid) {
    return this.#next(async (rids) => {
      if (rids.has(rid)) return;
      await this.#storage.write(NAME, [...rids, rid]);
      rids.add(rid);
    });
  }

  /**
   * @param {string} rid
   * @returns {boolean} whether it is known to be listed
   */
  has(rid) {
    return this.#rids?.has(rid) ?? false;
  }

  /** @returns {Promise<string[]>} of which some may be gone */
  list() {
    return this.#next(async (rids) => [...rids]);
  }

  /**
   * @template T
   * @param {(rids: Set<string>) => Promise<T>} step
   * @returns {Promise<T>}
   */
  #next(step) {
    return this.#steps.run(async () => step((this.#rids ??= await this.#load())));
  }

  /** An older client wrote no index, and does not read this one: the storage's names tell as well, where it has them. */
  async #load() {
    const stored = (await this.#storage.read(NAME)) ?? [];
    if (!Array.isArray(stored)) throw new VestibuleError("bad_storage", `${NAME} is no list`);
    const names = await this.#storage.names();
    return new Set([...stored, ...names.flatMap((name) => OF_ROOM.exec(name)?.[1] ?? [])]);
  }
}
