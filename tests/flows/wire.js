/**
 * What goes over one person's wire: a WebSocket that writes down every frame, below an unmodified phoenix.js.
 */
import WebSocket from "ws";

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
  /** What the connection of now loses. @type {{event: string, what: "frame" | "answer"} | null} */
  #loss = null;

  /** @returns {typeof WebSocket} to be handed to phoenix.js as its transport */
  get transport() {
    const wire = this;
    return class TappedWebSocket extends WebSocket {
      #events = new Map();

      constructor(...args) {
        super(...args);
        wire.#loss = null;
      }

      send(text) {
        const [, ref, topic, event, payload] = JSON.parse(text);
        this.#events.set(ref, event);
        wire.frames.push({ way: "out", topic, event, payload });
        if (!wire.#loses("frame", event)) super.send(text);
      }

      // Here, and not in a handler, so that a frame is written down before it has an effect, or has none.
      emit(name, ...args) {
        if (name !== "message") return super.emit(name, ...args);
        const [, ref, topic, event, payload] = JSON.parse(args[0].toString());
        const answers = event === "phx_reply" ? this.#events.get(ref) : undefined;
        if (wire.#loses("answer", answers)) return true;
        wire.frames.push({ way: "in", topic, event, payload, answers });
        return super.emit(name, ...args);
      }
    };
  }

  /**
   * From now on, as if the connection were dying: until there is another one, these frames do not arrive, or
   * what the server answers to them does not.
   *
   * @param {"frame" | "answer"} what
   * @param {string} event
   */
  lose(what, event) {
    this.#loss = { what, event };
  }

  #loses(what, event) {
    return this.#loss?.what === what && this.#loss.event === event;
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
