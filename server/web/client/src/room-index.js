/**
 * The list of rooms that a storage knows, because storages need not be able to list their names.
 */
import { VestibuleError } from "./errors.js";
import { Sequence } from "./sequence.js";

/** The name of the index in the storage. */
const NAME = "rooms";

/** The names of records that put a room on the list. */
const OF_ROOM = /^room\/([A-Za-z0-9_-]{43})\/(?:key|request)$/;

/** The room index of one storage. */
export class RoomIndex {
  #storage;
  /** Null until loaded. @type {Set<string> | null} */
  #rids = null;
  #steps = new Sequence();

  /** @param {import("./json-storage.js").JsonStorage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * Must be called before any record of the room is written: a crash in between then leaves one
   * room too many, never one too few.
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
   * @returns {boolean} whether it is known to be in the index
   */
  has(rid) {
    return this.#rids?.has(rid) ?? false;
  }

  /** @returns {Promise<string[]>} some may no longer have records */
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

  /**
   * Older clients neither write nor read the index, so the storage's names are used as well, if it
   * can list them.
   */
  async #load() {
    const stored = (await this.#storage.read(NAME)) ?? [];
    if (!Array.isArray(stored)) throw new VestibuleError("bad_storage", `\`${NAME}\` is not a list`);
    const names = await this.#storage.names();
    return new Set([...stored, ...names.flatMap((name) => OF_ROOM.exec(name)?.[1] ?? [])]);
  }
}
