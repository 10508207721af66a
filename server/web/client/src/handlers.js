/**
 * The application's handlers for one kind of event.
 */
import { mustBeFunction } from "./arguments.js";
import { VestibuleError } from "./errors.js";

/** @template {any[]} A */
export class Handlers {
  #warn;
  #handlers = new Set();

  /**
   * @param {(error: unknown) => void} warn receives what a handler throws; the other handlers still
   *   run
   */
  constructor(warn) {
    this.#warn = warn;
  }

  /**
   * @param {(...args: A) => unknown} handler
   * @returns {() => void} removes the handler
   */
  add(handler) {
    mustBeFunction("handler", handler);
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** @param {A} args */
  call(...args) {
    for (const handler of this.#handlers) this.callOne(handler, ...args);
  }

  /**
   * @param {(...args: A) => unknown} handler
   * @param {A} args
   */
  callOne(handler, ...args) {
    Promise.resolve()
      .then(() => handler(...args))
      .catch((cause) => this.#warn(new VestibuleError("handler_failed", undefined, { cause })));
  }
}
