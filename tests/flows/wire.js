/**
 * What goes over one person's wire: a transport that writes down every frame, below an unmodified phoenix.js.
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
 * @property {string} [answers] of a reply: the event it answers
 */

/** Frames of all of one person's connections, in order. */
export class Wire {
  /** @type {Frame[]} */
  frames = [];
  /** What long poll asked of the server, such as `GET /socket/longpoll`. @type {string[]} */
  requests = [];
  #name;
  /** What the connection of now loses. @type {{event: string, what: "frame" | "answer", met: boolean} | null} */
  #loss = null;

  /** @param {TransportName} [name] */
  constructor(name = "websocket") {
    this.#name = name;
  }

  /** @returns {any} to be handed to phoenix.js as its transport */
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

      // Here, and not in a handler, so that a frame is written down before it has an effect, or has none.
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

      // LongPoll calls what was assigned here. Its constructor assigns already, before there are private fields.
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

  /** A new connection, which loses nothing; both ways tell whether the frame goes on. */
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
   * From now on, as if the connection were dying: until there is another one, these frames do not arrive, or
   * what the server answers to them does not.
   *
   * @param {"frame" | "answer"} what
   * @param {string} event
   */
  lose(what, event) {
    this.#loss = { what, event, met: false };
  }

  /** @returns {boolean} whether what was to be lost is */
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
   * @returns {any[]} payloads of what this person pushed
   */
  said(event) {
    return this.frames.filter((frame) => frame.way === "out" && frame.event === event).map(({ payload }) => payload);
  }

  /**
   * @param {string} event
   * @returns {any[]} payloads of what the server pushed
   */
  heard(event) {
    return this.frames.filter((frame) => frame.way === "in" && frame.event === event).map(({ payload }) => payload);
  }

  /**
   * @param {string} event
   * @returns {any[]} what the server answered `ok` to this event
   */
  answered(event) {
    const replies = this.frames.filter((frame) => frame.way === "in" && frame.answers === event);
    return replies.filter(({ payload }) => payload.status === "ok").map(({ payload }) => payload.response);
  }
}
