/**
 * Signs in over HTTP, and calls the other HTTP endpoints.
 */
import { toBase64url } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { retryDelay, sleep } from "./backoff.js";
import { signFields } from "./signed.js";

/** The HTTP status of a server that does not answer to the name in the URL. */
const MISDIRECTED = 421;

/** The lifetime of a challenge. Its end tells the time of servers that do not send it. */
const CHALLENGE_MS = 60_000;

/** A token with less time left is renewed before it is used. */
const MARGIN_MS = 30_000;

/**
 * A JSON Web Token of the application's own back end, or a function that brings the latest one.
 *
 * @typedef {string | (() => string | Promise<string>)} Login
 */

/** A user's session at one server: keeps the token and renews it. */
export class Session {
  #base;
  #server;
  #user;
  #clock;
  #signal;
  #login;
  #token = "";
  #exp = 0;
  /** @type {Promise<void> | null} */
  #renewal = null;

  /**
   * @param {object} options
   * @param {URL} options.base of the server
   * @param {string} options.server the name that this client addresses, never the one that the
   *   server claims
   * @param {import("./keys.js").SigningKey} options.user
   * @param {string} options.uid
   * @param {import("./clock.js").Clock} options.clock receives the server's time
   * @param {AbortSignal} [options.signal] aborts every call
   * @param {Login} [options.login] shown at each sign-in
   */
  constructor({ base, server, user, uid, clock, signal, login }) {
    this.#base = base;
    this.#server = server;
    this.#user = user;
    this.#clock = clock;
    this.#signal = signal;
    this.#login = login;
    /** @type {string | undefined} the account of the login, as the server says */
    this.account = undefined;
    /** @type {string} */
    this.uid = uid;
  }

  /** @returns {string} the latest token, which may be stale */
  get token() {
    return this.#token;
  }

  /** @returns {boolean} whether the token is too old to connect with */
  get stale() {
    return this.#clock.isPast(this.#exp - MARGIN_MS);
  }

  /**
   * Signs in. Simultaneous callers share one sign-in.
   *
   * @returns {Promise<void>}
   */
  renew() {
    this.#renewal ??= this.#signIn().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #signIn() {
    const uid = this.uid;
    const asked = Date.now();
    const { nonce, exp, now = exp - CHALLENGE_MS } = await this.call("POST", "/v1/challenge", { body: { uid } });
    this.#clock.update(now, Date.now() - asked);
    const sig = await signFields("session", { server: this.#server, uid, nonce }, this.#user);
    const sign_pub = toBase64url(this.#user.pub);
    const login = typeof this.#login === "function" ? await this.#login() : this.#login;
    const body = { sign_pub, alg: this.#user.alg, nonce, sig, login };
    const session = await this.call("POST", "/v1/session", { body });
    // A server of before ignores the login.
    if (login && session.account === undefined) throw new VestibuleError("unsupported");
    this.#token = session.token;
    this.account = session.account;
    this.#exp = session.exp;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{body?: object, query?: object, signedIn?: boolean}} [options] `signedIn`: send the
   *   token in a header
   * @returns {Promise<any>} the JSON response
   */
  async call(method, path, { body, query = {}, signedIn = false } = {}) {
    const url = new URL(path, this.#base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== null) url.searchParams.set(name, value);
    }
    /** @type {Record<string, string>} */
    const headers = {};
    if (body) headers["content-type"] = "application/json";
    const signal = this.#signal;
    const ask = () => fetchWithRetries(url, { method, headers, body: body && JSON.stringify(body), signal });
    if (!signedIn) return ask();

    const askSignedIn = () => {
      headers.authorization = `Bearer ${this.#token}`;
      return ask();
    };
    if (this.stale) await this.renew();
    try {
      return await askSignedIn();
    } catch (error) {
      // This device's clock is wrong, or the server has new secrets since.
      if (error.reason !== "unauthorized") throw error;
      await this.renew();
      return askSignedIn();
    }
  }
}

/**
 * Retries the call while the server says "try again later".
 *
 * @param {URL} url
 * @param {RequestInit & {signal?: AbortSignal}} options
 * @returns {Promise<any>}
 */
async function fetchWithRetries(url, options) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await fetchJson(url, options);
    } catch (error) {
      const pause = retryDelay(error, tries);
      if (pause === null) throw error;
      await sleep(pause, options.signal);
    }
  }
}

/**
 * @param {URL} url
 * @param {RequestInit} options
 * @returns {Promise<any>}
 */
async function fetchJson(url, options) {
  let response;
  let answer;
  try {
    response = await fetch(url, options);
    answer = await response.json();
  } catch (cause) {
    options.signal?.throwIfAborted();
    const detail = response ? `status ${response.status} with a body that is not JSON` : `no answer from ${url.origin}`;
    throw new VestibuleError("unreachable", detail, { cause });
  }
  if (response.ok) return answer;
  throw response.status === MISDIRECTED ? misdirected(url, answer) : VestibuleError.fromReply(answer);
}

/**
 * @param {URL} url
 * @param {any} answer
 * @returns {VestibuleError} an error that says what to do
 */
function misdirected(url, answer) {
  const advice = `use one of the server's names in the URL, or start the server with --name ${url.host}`;
  const told = typeof answer?.detail === "string" ? answer.detail : advice;
  return new VestibuleError("misdirected", `the server does not answer to the name ${url.host}: ${told}`);
}
