/**
 * Denials that are held back for a moment. Once a denial is sent, the newcomer is told at once, so
 * that it can only be lifted; until then it can be undone, and nobody learns of it.
 */
import { signal } from "@preact/signals";

/** How long a denial is held back, in ms. The page's style sheet shows it as a bar. */
export const HOLD_MS = 5000;

export class HeldDenials {
  /** @type {Map<string, () => void>} what ends the wait, by request */
  #waits = new Map();

  /**
   * The requests whose denials are held back, by {@link keyOf}.
   *
   * @type {import("@preact/signals").Signal<string[]>}
   */
  keys = signal([]);

  /**
   * @param {{uid: string, requestId: string}} request
   * @returns {Promise<boolean>} whether to send the denial; false if it was undone meanwhile
   */
  hold(request) {
    const key = keyOf(request);
    this.#end(key, false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(key, true), HOLD_MS);
      this.#waits.set(key, (isDue) => {
        clearTimeout(timer);
        resolve(isDue);
      });
      this.#show();
    });
  }

  /** @param {{uid: string, requestId: string}} request */
  undo(request) {
    this.#end(keyOf(request), false);
  }

  /** Undoes all. */
  clear() {
    for (const key of this.#waits.keys()) this.#end(key, false);
  }

  #end(key, isDue) {
    const end = this.#waits.get(key);
    this.#waits.delete(key);
    this.#show();
    end?.(isDue);
  }

  #show() {
    this.keys.value = [...this.#waits.keys()];
  }
}

/** Two users may choose the same id for their requests. */
export const keyOf = ({ uid, requestId }) => `${uid} ${requestId}`;
