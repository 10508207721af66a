/**
 * The room that the page shows. Its id is taken from the URL's fragment, so that a link leads
 * somebody else to the same room, and kept in `localStorage`, so that all windows of a browser show
 * the same room.
 */
import { signal } from "@preact/signals";

const STORAGE_KEY = "vestibule-demo/room";

export class CurrentRoom {
  /** @type {import("@preact/signals").Signal<string | null>} */
  rid = signal(ridOf(location.hash) ?? localStorage.getItem(STORAGE_KEY));
  /**
   * The card of the room, if known.
   *
   * @type {import("@preact/signals").Signal<{name?: string, policy: string} | null>}
   */
  card = signal(null);
  /** The fingerprint of the room. */
  fingerprint = signal("");

  constructor() {
    this.rid.subscribe((rid) => {
      this.card.value = null;
      this.fingerprint.value = "";
      if (rid) localStorage.setItem(STORAGE_KEY, rid);
      else localStorage.removeItem(STORAGE_KEY);
    });
    addEventListener("storage", ({ key, newValue }) => {
      if (key === STORAGE_KEY) this.rid.value = newValue;
    });
    addEventListener("hashchange", () => (this.rid.value = ridOf(location.hash) ?? this.rid.value));
  }

  /**
   * @param {"alice" | "bob"} person
   * @returns {string} the URL of a page with only that person, in the same room
   */
  linkFor(person) {
    const page = new URL(`?as=${person}`, location.origin);
    page.hash = this.rid.value ?? "";
    return page.href;
  }
}

function ridOf(hash) {
  return /^#([A-Za-z0-9_-]{43})$/.exec(hash)?.[1] ?? null;
}
