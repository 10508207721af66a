/**
 * Plays a flow, one step after the other, slowly enough to be followed. Where it is is kept for the session, so that a
 * reloaded page goes on.
 */
import { computed, signal } from "@preact/signals";
import { FLOWS } from "./flows.js";

const KEPT = "vestibule-demo/flow";

/** What was tried in vain, such as while the server restarts, is tried again after this long. */
const TRY_AGAIN_MS = 3000;

/** How long a finished step is left to be looked at, in ms. */
export const PACES = { slow: 2000, normal: 900, fast: 50 };

export class Player {
  #world;
  #session;
  /** Counts the performances: an old one notices that it is not the last any more. */
  #performance = 0;

  /** @type {import("@preact/signals").Signal<{flow: string, step: number, isOver: boolean} | null>} */
  at = signal(null);
  /** @type {import("@preact/signals").Signal<keyof PACES>} */
  pace = signal("normal");
  /** The flow that is played, or was last. */
  flow = computed(() => FLOWS.find(({ id }) => id === this.at.value?.flow) ?? null);

  /**
   * @param {import("./flows.js").World} world
   * @param {globalThis.Storage} session
   */
  constructor(world, session) {
    this.#world = world;
    this.#session = session;
  }

  /** Goes on with what was being played when the page was left. */
  resume() {
    const kept = JSON.parse(this.#session.getItem(KEPT) ?? "null");
    if (!kept) return;
    this.pace.value = kept.pace;
    this.at.value = kept.at;
    if (!kept.at.isOver) this.#perform();
  }

  /** @param {string} flow its id; both people begin offline, with a new room to come */
  async play(flow) {
    const performance = ++this.#performance;
    const { alice, bob, place, log } = this.#world;
    this.#move({ flow, step: 0, isOver: false });
    await Promise.all([alice.goOffline(), bob.goOffline()]);
    if (performance !== this.#performance) return;
    place.rid.value = null;
    log.clear();
    await this.#perform();
  }

  /** What is done stays done; the people are left as they are. */
  stop() {
    this.#performance += 1;
    this.#move(null);
  }

  async #perform() {
    const performance = ++this.#performance;
    const isCurrent = () => performance === this.#performance;
    const { flow } = this.at.value;
    const { steps } = this.flow.value;
    for (let { step } = this.at.value; step < steps.length; step += 1) {
      this.#move({ flow, step, isOver: false });
      await this.#until(steps[step], isCurrent);
      if (!isCurrent()) return;
      await pause(PACES[this.pace.value]);
      if (!isCurrent()) return;
    }
    this.#move({ flow, step: steps.length, isOver: true });
  }

  async #until({ act, isDone }, isCurrent) {
    const done = computed(() => isDone(this.#world));
    while (isCurrent() && !done.value) {
      // What fails now is done again; what it was is on the person's card.
      Promise.resolve().then(() => act(this.#world)).catch(() => {});
      await becomes(done, TRY_AGAIN_MS);
    }
  }

  #move(at) {
    this.at.value = at;
    if (at) this.#session.setItem(KEPT, JSON.stringify({ at, pace: this.pace.value }));
    else this.#session.removeItem(KEPT);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until it is true, or for so long. */
async function becomes(condition, ms) {
  let stop = () => {};
  const isTrue = new Promise((resolve) => {
    stop = condition.subscribe((value) => value && resolve());
  });
  await Promise.race([isTrue, pause(ms)]);
  stop();
}
