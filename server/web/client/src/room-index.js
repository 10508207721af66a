/**
 * Which rooms a storage knows, since it need not be able to list what is in it.
 */

/** The name of the index in the storage. */
const NAME = "rooms";

/** The names of what makes a room worth listing. */
const OF_ROOM = /^room\/([A-Za-z0-9_-]{43})\/(?:key|request)$/;

/**
 * Reads and writes as the records do.
 *
 * @typedef {object} Access
 * @property {(name: string) => Promise<any>} read
 * @property {(name: string, value: any) => Promise<void>} write
 * @property {() => Promise<string[]> | null} names null where the storage cannot list them
 */

/** One storage's. */
export class RoomIndex {
  #access;
  /** By now. @type {Set<string> | null} */
  #rids = null;
  /** Changes, one after the other. @type {Promise<unknown>} */
  #turn = Promise.resolve();

  /** @param {Access} access */
  constructor(access) {
    this.#access = access;
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
      await this.#access.write(NAME, [...rids, rid]);
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
    const done = this.#turn.then(async () => step((this.#rids ??= await this.#load())));
    this.#turn = done.then(() => {}, () => {});
    return done;
  }

  /** An older client wrote no index, and does not read this one: the storage's names tell as well, where it has them. */
  async #load() {
    const stored = (await this.#access.read(NAME)) ?? [];
    const names = (await this.#access.names()) ?? [];
    return new Set([...stored, ...names.flatMap((name) => OF_ROOM.exec(name)?.[1] ?? [])]);
  }
}
