/**
 * Which room the page is about. It is in the address after `#`, so that a link brings somebody else to the same door,
 * and in `localStorage`, so that the windows of one browser agree.
 */
import { signal } from "@preact/signals";

const KEPT = "vestibule-demo/room";

export class Place {
  /** @type {import("@preact/signals").Signal<string | null>} */
  rid = signal(ridOf(location.hash) ?? localStorage.getItem(KEPT));
  /** Its card, as far as it is shown. @type {import("@preact/signals").Signal<{name?: string, policy: string} | null>} */
  card = signal(null);
  /** Its fingerprint. */
  words = signal("");

  constructor() {
    this.rid.subscribe((rid) => {
      this.card.value = null;
      this.words.value = "";
      if (rid) localStorage.setItem(KEPT, rid);
      else localStorage.removeItem(KEPT);
      history.replaceState(null, "", rid ? `#${rid}` : location.pathname + location.search);
    });
    addEventListener("storage", ({ key, newValue }) => {
      if (key === KEPT) this.rid.value = newValue;
    });
    addEventListener("hashchange", () => (this.rid.value = ridOf(location.hash) ?? this.rid.value));
  }

  /**
   * @param {"alice" | "bob"} person
   * @returns {string} a page with that person alone, at the same door
   */
  windowOf(person) {
    const page = new URL(`?as=${person}`, location.origin);
    page.hash = this.rid.value ?? "";
    return page.href;
  }
}

function ridOf(hash) {
  return /^#([A-Za-z0-9_-]{43})$/.exec(hash)?.[1] ?? null;
}
