/**
 * Records every frame of one person, with a transport below an unmodified phoenix.js.
 */
import { LongPoll } from "phoenix";
import WebSocket from "ws";

/** @typedef {"websocket" | "longpoll"} TransportName */

/**
 * @typedef {object} Frame
 * @property {"out" | "in"} way
 * @property {string} topic
 * @property {string} event
 * @property {any} payload
 * @property {string} [answers] of a reply: the event that it answers
 */

/** The frames of all connections of one person, in order. */
export class Wire {
  /** @type {Frame[]} */
  frames = [];
  /** The requests of long poll, such as `GET /socket/longpoll`. @type {string[]} */
  requests = [];
  #name;
  /**
   * What the current connection loses.
   *
   * @type {{event: string, what: "frame" | "answer", met: boolean} | null}
   */
  #loss = null;

  /** @param {TransportName} [name] */
  constructor(name = "websocket") {
    this.#name = name;
  }

  /** @returns {any} a transport for phoenix.js */
  get transport() {
    return this.#name === "longpoll" ? this.#longPoll() : this.#webSocket();
  }

  #webSocket() {
    const wire = this;
    return class TappedWebSocket extends WebSocket {
      #tap = wire.#connect();

      send(text) {
        if (this.#tap.leaves(text)) super.send(text);
      }

      // Done here rather than in a handler, so that a frame is recorded, or dropped, before it has
      // an effect.
      emit(name, ...args) {
        if (name !== "message") return super.emit(name, ...args);
        return this.#tap.arrives(args[0].toString()) ? super.emit(name, ...args) : true;
      }
    };
  }

  #longPoll() {
    const wire = this;
    return class TappedLongPoll extends LongPoll {
      #tap = wire.#connect();

      send(text) {
        if (this.#tap.leaves(text)) super.send(text);
      }

      // LongPoll calls the handler assigned here. Its constructor assigns one before private fields
      // exist.
      set onmessage(handler) {
        this.handler = handler;
      }

      get onmessage() {
        return (event) => this.#tap.arrives(event.data) && this.handler(event);
      }

      ajax(method, ...rest) {
        wire.requests.push(`${method} ${new URL(this.endpointURL()).pathname}`);
        super.ajax(method, ...rest);
      }
    };
  }

  /**
   * A new connection, which loses nothing. Both functions return whether the frame is passed on.
   */
  #connect() {
    this.#loss = null;
    const events = new Map();
    const leaves = (text) => {
      const [, ref, topic, event, payload] = JSON.parse(text);
      events.set(ref, event);
      this.frames.push({ way: "out", topic, event, payload });
      return !this.#loses("frame", event);
    };
    const arrives = (text) => {
      const [, ref, topic, event, payload] = JSON.parse(text);
      const answers = event === "phx_reply" ? events.get(ref) : undefined;
      if (this.#loses("answer", answers)) return false;
      this.frames.push({ way: "in", topic, event, payload, answers });
      return true;
    };
    return { leaves, arrives };
  }

  /**
   * Simulates a dying connection: until the next one, these frames, or the server's replies to
   * them, do not arrive.
   *
   * @param {"frame" | "answer"} what
   * @param {string} event
   */
  lose(what, event) {
    this.#loss = { what, event, met: false };
  }

  /** @returns {boolean} whether the frame or reply has been lost */
  get hasLost() {
    return this.#loss?.met ?? false;
  }

  #loses(what, event) {
    if (this.#loss?.what !== what || this.#loss.event !== event) return false;
    this.#loss.met = true;
    return true;
  }

  /**
   * @param {string} event
   * @returns {any[]} the payloads that this person pushed
   */
  sent(event) {
    return this.frames.filter((frame) => frame.way === "out" && frame.event === event).map(({ payload }) => payload);
  }

  /**
   * @param {string} event
   * @returns {any[]} the payloads that the server pushed
   */
  received(event) {
    return this.frames.filter((frame) => frame.way === "in" && frame.event === event).map(({ payload }) => payload);
  }

  /**
   * @param {string} event
   * @returns {any[]} the server's `ok` replies to this event
   */
  replies(event) {
    const answers = this.frames.filter((frame) => frame.way === "in" && frame.answers === event);
    return answers.filter(({ payload }) => payload.status === "ok").map(({ payload }) => payload.response);
  }
}
