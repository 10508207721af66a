/**
 * The page's address: its fragment names the tab, and for the first tab the room, so that a link
 * leads to both.
 */
import { computed, effect, signal } from "@preact/signals";

/** The tabs by their names in the fragment; the first tab's fragment is the room's id. */
export const TABS = ["rooms", "lobby"];

const TITLES = { rooms: "Vestibule: Alice and Bob", lobby: "Vestibule: a lobby" };

export class Address {
  /** @type {import("@preact/signals").Signal<"rooms" | "lobby">} */
  tab = signal("rooms");
  /** The fragment of the page as it is now. */
  #fragment;

  /**
   * @param {import("./people/current-room.js").CurrentRoom} currentRoom
   * @param {boolean} hasTabs otherwise the page only shows the first
   */
  constructor(currentRoom, hasTabs) {
    const show = () => (this.tab.value = hasTabs ? tabOf(location.hash) : "rooms");
    show();
    const room = () => (currentRoom.rid.value ? `#${currentRoom.rid.value}` : "");
    this.#fragment = computed(() => (this.tab.value === "lobby" ? "#lobby" : room()));
    effect(() => {
      document.title = TITLES[this.tab.value];
      history.replaceState(null, "", this.#fragment.value || location.pathname + location.search);
    });
    addEventListener("hashchange", show);
  }
}

function tabOf(hash) {
  return hash === "#lobby" ? "lobby" : "rooms";
}
