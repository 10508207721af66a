/**
 * A client's connection to a server. Start at {@link Vestibule.connect}.
 */
// @ts-expect-error phoenix.js exports it, but its types do not.
import { Serializer } from "phoenix";
import {
  POLICIES, must, mustBeCardChange, mustBeFlag, mustBeFunction, mustBeOneOf, mustBeOptions, serverUrl,
} from "./arguments.js";
import { checkCard, checkMadeRoom } from "./checks.js";
import { refuseDowngrade } from "./cards.js";
import { Clock } from "./clock.js";
import { maxBytesOf } from "./retry-queue.js";
import { VestibuleError } from "./errors.js";
import { isId, ridOf, uidOf } from "./ids.js";
import { Inbox } from "./inbox.js";
import { SIGN_ALGS, SigningKey, preferredAlg } from "./keys.js";
import { ChunkedSocket } from "./long-poll.js";
import { Newcomer } from "./newcomer.js";
import { Notices } from "./notices.js";
import { Records } from "./records.js";
import { Room } from "./room.js";
import { Session } from "./session.js";
import { TokenRenewal } from "./token-renewal.js";

/** How long to wait for a server that may not be there. */
const TIMEOUT_MS = 30_000;

/** @typedef {new (endpoint: string, ...more: any[]) => object} Transport */

/**
 * @typedef {object} ConnectOptions
 * @property {import("./storage.js").Storage} storage of this user; an empty storage gets a new user
 * @property {import("./keys.js").SignAlg} [alg] of a new user's key; default: `ed25519` if the
 *   platform supports it, else `p256`
 * @property {"reject" | "wait"} [whenInUse] what to do if the storage is in use: reject with
 *   `in_use` (the default), or wait until it is free
 * @property {SigningKey} [user] the user for an empty storage, such as the one of another device
 * @property {string} [server] the server's name, if it differs from the URL's host and port
 * @property {import("./session.js").Login} [login] a JSON Web Token of the application's own back
 *   end, so that this connection has its account for configured channels as well; a function is
 *   called at each sign-in, every quarter of an hour at most
 * @property {Transport} [transport] in Node before 22 the WebSocket of `ws`, or `LongPoll` of
 *   phoenix.js
 * @property {number} [timeout] how long to wait for the server, in ms; default: 30 seconds;
 *   Infinity: for ever
 * @property {AbortSignal} [signal] aborts connecting: `connect` rejects with the signal's reason.
 *   It has no effect once connected
 * @property {Partial<import("phoenix").SocketConnectOption>} [socketOptions] further options of the
 *   phoenix.js `Socket`
 * @property {(error: VestibuleError) => void} [onWarning] receives what the client ignored, such as
 *   a bad approve
 */

/** A user's connection to one server. */
export class Vestibule {
  #context;
  #session;
  #close;
  #inbox;
  /** Set once this client has disconnected. @type {VestibuleError | null} */
  #ended = null;
  /**
   * Rooms that are open or being joined.
   *
   * @type {Map<string, {room: Room, joined: Promise<void>}>}
   */
  #rooms = new Map();
  /** @type {Map<string, Newcomer>} */
  #newcomers = new Map();

  /** @private Use {@link Vestibule.connect}. */
  constructor(context, session, close) {
    this.#context = { ...context, notices: new Notices(context, (rid) => this.#newcomer(rid)) };
    this.#session = session;
    this.#close = close;
    const take = (approve, ack, nack) => this.#newcomer(approve.rid).receive(approve, ack, nack);
    this.#inbox = new Inbox(this.#context, take);
  }

  /**
   * Claims the storage if it supports that, signs in, opens the socket and joins the user's inbox.
   * Rejects with `in_use` if the storage is in use, and with `unreachable` if no server answers in
   * time.
   *
   * @param {string | URL} url of the server, such as `https://rooms.example`
   * @param {ConnectOptions} options
   * @returns {Promise<Vestibule>}
   */
  static async connect(url, options) {
    const base = serverUrl(url);
    mustBeConnectOptions(options);
    const { storage, timeout = TIMEOUT_MS, whenInUse = "reject", signal } = options;
    signal?.throwIfAborted();
    const end = new AbortController();
    const giveUp = () => end.abort(signal?.reason);
    signal?.addEventListener("abort", giveUp);
    /** @type {import("./storage.js").Release | undefined} */
    let release;
    let timer;
    try {
      release = await storage.claim?.({ wait: whenInUse === "wait", signal: end.signal });
      end.signal.throwIfAborted();
      const late = new VestibuleError("unreachable", `no answer from ${base.origin} within ${timeout} ms`);
      timer = Number.isFinite(timeout) ? setTimeout(() => end.abort(late), timeout) : undefined;
      return await Vestibule.#connect(base, { ...options, release, end });
    } catch (error) {
      await release?.();
      // An application that aborted gets its own reason back.
      throw error === signal?.reason ? error : VestibuleError.from(error, `connecting to ${base.origin}`);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  static async #connect(base, options) {
    const { storage, alg, user: given, server, login, transport, onWarning = warnOnConsole, release, end } = options;
    const { signal } = end;
    const warn = (caught, doing) => {
      const error = VestibuleError.from(caught, doing);
      if (!error.passing) onWarning(error);
    };
    const clock = new Clock(warn);
    const records = new Records(storage, clock);
    const user = await records.user(alg, given);
    const uid = await uidOf(user.alg, user.pub);
    const name = server ?? base.host;
    const session = new Session({ base, server: name, user, uid, clock, signal, login });
    await session.renew();

    const endpoint = new URL("/socket", base);
    endpoint.protocol = base.protocol === "https:" ? "wss:" : "ws:";
    // phoenix.js asks for the token at each connect, so its reconnects use a renewed token.
    const socketOptions = { ...options.socketOptions, authToken: () => session.token };
    if (transport) socketOptions.transport = transport;
    socketOptions.decode = decodeSafely(socketOptions.decode ?? Serializer.decode.bind(Serializer), warn);
    const maxBytes = () => maxBytesOf(vestibule.#inbox.limits.message);
    const socket = new ChunkedSocket(endpoint.href, socketOptions, maxBytes);

    const tokenRenewal = new TokenRenewal(socket, session, warn);
    const device = await records.device();
    const context = { socket, server: name, user, uid, device, records, clock, warn, tokenRenewal };
    // Runs before anything is awaited, so that this page's next connection gets the storage at
    // once.
    const close = (error) => {
      end.abort(error);
      const written = records.close(error);
      return written ? written.then(() => release?.()) : release?.();
    };
    const vestibule = new Vestibule(context, session, close);
    signal.throwIfAborted();
    const tooLate = new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    socket.connect();
    try {
      await Promise.race([vestibule.#inbox.join(), tooLate]);
    } catch (error) {
      await vestibule.disconnect();
      throw error;
    }
    return vestibule;
  }

  /** @returns {string} this user's id */
  get uid() {
    return this.#context.uid;
  }

  /** @returns {string | undefined} the account of this user's login, as the server says */
  get account() {
    return this.#session.account;
  }

  /**
   * Creates a room and opens it. This device makes the key pair, or the server does if `onServer`
   * is set.
   *
   * @param {object} options
   * @param {import("./checks.js").Policy} options.policy
   * @param {string} [options.name]
   * @param {boolean} [options.listed] whether the directory shows it, unless it is secret; default:
   *   false
   * @param {import("./keys.js").SignAlg} [options.alg] of the room's key; default: as in
   *   {@link ConnectOptions}
   * @param {boolean} [options.onServer]
   * @returns {Promise<Room>}
   */
  async createRoom(options) {
    mustBeOptions("options", options);
    mustBeOneOf("policy", options.policy, POLICIES);
    mustBeCardChange(options, this.#inbox.limits.name);
    const { policy, name, listed = false, alg = await preferredAlg(), onServer = false } = options;
    mustBeOneOf("alg", alg, SIGN_ALGS);
    mustBeFlag("onServer", onServer);
    this.#mustBeConnected();
    const { records, clock } = this.#context;
    if (onServer) {
      const asked = { alg, policy, name, listed };
      const made = await this.#session.call("POST", "/v1/rooms", { body: asked, signedIn: true });
      const { rid, key } = await checkMadeRoom(made, asked, clock.now());
      await records.saveRoomKey(rid, key);
      return this.openRoom(rid);
    }
    const key = await SigningKey.generate(alg);
    const rid = await ridOf(alg, key.pub);
    await records.saveRoomKey(rid, key);
    const room = await this.openRoom(rid);
    await room.publishCard({ policy, name, listed });
    return room;
  }

  /**
   * Joins a room, as a member if its key is in the storage. Opening an open room returns the same
   * object.
   *
   * @param {string} rid
   * @returns {Promise<Room>}
   */
  async openRoom(rid) {
    if (!isId(rid)) throw new VestibuleError("bad_room", "`rid` must be the id of a room: 43 characters of base64url");
    this.#mustBeConnected();
    let open = this.#rooms.get(rid);
    if (!open) {
      this.#context.records.noteRoom(rid).catch(this.#context.warn);
      const forget = (left) => {
        if (this.#rooms.get(rid)?.room === left) this.#rooms.delete(rid);
      };
      const room = new Room(this.#context, rid, this.#newcomer(rid), forget);
      open = { room, joined: room.join() };
      this.#rooms.set(rid, open);
      open.joined.catch(() => forget(room));
    }
    await open.joined;
    return open.room;
  }

  /**
   * Reads one page of the directory: the cards of listed rooms. A card is left out if its signature
   * is invalid, or if this client has seen a newer one of that room.
   *
   * @param {{policy?: "open" | "request", after?: string, limit?: number}} [query]
   * @returns {Promise<{rooms: import("./checks.js").Card[], after: string | null}>}
   */
  async directory(query = {}) {
    mustBeQuery(query);
    const { rooms, after } = await this.#session.call("GET", "/v1/rooms", { query });
    const { records, clock, warn } = this.#context;
    const check = async (card) => {
      const checked = await checkCard(card, card?.rid, clock.now());
      return refuseDowngrade(checked, await records.card(checked.rid));
    };
    const checked = await Promise.all(rooms.map((card) => check(card).catch(warn)));
    return { rooms: checked.filter(Boolean), after };
  }

  /**
   * Lists the rooms that this storage knows: those whose key it holds, and those whose key was
   * requested. They need not be open; the server is not asked.
   *
   * @returns {Promise<import("./records.js").KnownRoom[]>}
   */
  rooms() {
    return this.#context.records.rooms();
  }

  /**
   * Reports how requests ended and what became of approves, in all rooms, open or not. After a
   * crash a notice may be reported again.
   *
   * @param {(notice: import("./notices.js").Notice) => unknown} handler
   * @returns {() => void} removes the handler
   */
  onNotice(handler) {
    return this.#context.notices.on(handler);
  }

  /**
   * Ends the connection and releases the storage. Unanswered frames are sent again when this
   * storage connects the next time.
   *
   * @returns {Promise<void>} when the socket is closed and the storage is free
   */
  async disconnect() {
    const error = (this.#ended ??= new VestibuleError("disconnected"));
    this.#context.tokenRenewal.stop();
    const closed = this.#close(error);
    const leaves = Array.from(this.#rooms.values(), ({ room }) => room.leave(error));
    for (const newcomer of this.#newcomers.values()) newcomer.end(error);
    leaves.push(this.#inbox.end(error));
    // Over long poll phoenix.js drops unsent frames when it closes. Without this, members would go
    // on seeing this user for a while.
    await Promise.all(leaves);
    await new Promise((resolve) => this.#context.socket.disconnect(resolve));
    await closed;
  }

  #mustBeConnected() {
    if (this.#ended) throw this.#ended;
  }

  #newcomer(rid) {
    let newcomer = this.#newcomers.get(rid);
    if (!newcomer) {
      newcomer = new Newcomer(this.#context, rid);
      this.#newcomers.set(rid, newcomer);
    }
    return newcomer;
  }
}

/**
 * Reports a frame that phoenix.js cannot decode as a warning; an exception would have no receiver.
 */
function decodeSafely(decode, warn) {
  return (raw, take) => {
    try {
      decode(raw, take);
    } catch (cause) {
      warn(new VestibuleError("bad_frame", "the server sent a malformed frame", { cause }));
    }
  };
}

/** @param {VestibuleError} error */
function warnOnConsole(error) {
  const message = `vestibule: ${error.message}`;
  // The application may see what its own handler threw; other causes may quote received data.
  if (error.reason === "handler_failed") console.warn(message, error.cause);
  else console.warn(message);
}

/** @param {any} options */
function mustBeConnectOptions(options) {
  mustBeOptions("options", options);
  const { storage, alg, whenInUse, user, server, login, transport } = options;
  const { timeout, signal, socketOptions, onWarning } = options;
  const isStorage = ["get", "set", "delete"].every((name) => typeof storage?.[name] === "function");
  must(isStorage, "storage", "an object with `get`, `set` and `delete`, such as LocalStorage or FileStorage");
  if (alg !== undefined) mustBeOneOf("alg", alg, SIGN_ALGS);
  if (whenInUse !== undefined) mustBeOneOf("whenInUse", whenInUse, ["reject", "wait"]);
  must(user === undefined || typeof user?.sign === "function", "user", "a SigningKey");
  must(server === undefined || (typeof server === "string" && server !== ""), "server", "the server's name");
  const isLogin = login === undefined || typeof login === "function" || (typeof login === "string" && login !== "");
  must(isLogin, "login", "a token, or a function that returns one");
  if (transport !== undefined) mustBeFunction("transport", transport);
  const isTimeout = timeout === undefined || (typeof timeout === "number" && timeout > 0);
  must(isTimeout, "timeout", "a number of milliseconds, or Infinity");
  must(signal === undefined || typeof signal?.addEventListener === "function", "signal", "an AbortSignal");
  if (socketOptions !== undefined) mustBeOptions("socketOptions", socketOptions);
  if (onWarning !== undefined) mustBeFunction("onWarning", onWarning);
}

/** @param {any} query for the directory */
function mustBeQuery(query) {
  mustBeOptions("query", query);
  const { policy, after, limit } = query;
  if (policy !== undefined) mustBeOneOf("policy", policy, ["open", "request"]);
  const isCursor = after === undefined || after === null || typeof after === "string";
  must(isCursor, "after", "the `after` of the previous page");
  must(limit === undefined || (Number.isSafeInteger(limit) && limit > 0), "limit", "a positive integer");
}
