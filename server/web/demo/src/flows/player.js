/**
 * Plays a flow step by step, slowly enough to follow. Its position is stored for the session, so
 * that a reloaded page continues.
 */
import { computed, signal } from "@preact/signals";
import { FLOWS } from "./flows.js";

const STORAGE_KEY = "vestibule-demo/flow";

/** How long to wait before a failed step is repeated, such as while the server restarts. */
const TRY_AGAIN_MS = 3000;

/** The pause after each step, in ms. */
export const SPEEDS = { slow: 2000, normal: 900, fast: 50 };

export class Player {
  #world;
  #session;
  /** Counts the runs, so that an older run notices that it was replaced. */
  #runs = 0;

  /**
   * @type {import("@preact/signals").Signal<{flow: string, step: number, isOver: boolean} | null>}
   */
  at = signal(null);
  /** @type {import("@preact/signals").Signal<keyof SPEEDS>} */
  speed = signal("normal");
  /**
   * Whether the diagram stays in sight, however the page is scrolled: from the start of a flow on,
   * until the visitor chooses otherwise.
   *
   * @type {import("@preact/signals").Signal<boolean>}
   */
  keepsInSight = signal(false);
  /** The flow being played, or the last one played. */
  flow = computed(() => FLOWS.find(({ id }) => id === this.at.value?.flow) ?? null);

  /**
   * @param {import("./flows.js").World} world
   * @param {globalThis.Storage} session
   */
  constructor(world, session) {
    this.#world = world;
    this.#session = session;
  }

  /** Continues the flow that was being played when the page was left. */
  resume() {
    const kept = JSON.parse(this.#session.getItem(STORAGE_KEY) ?? "null");
    if (!kept) return;
    this.speed.value = kept.speed ?? "normal";
    this.at.value = kept.at;
    this.keepsInSight.value = true;
    if (!kept.at.isOver) this.#start();
  }

  /** @param {string} flow the flow's id; both people start offline and without a room */
  async play(flow) {
    const run = ++this.#runs;
    const { alice, bob, currentRoom, log } = this.#world;
    this.#move({ flow, step: 0, isOver: false });
    this.keepsInSight.value = true;
    await Promise.all([alice.goOffline(), bob.goOffline()]);
    if (run !== this.#runs) return;
    currentRoom.rid.value = null;
    log.clear();
    await this.#start();
  }

  /** Stops playing; nothing is undone. */
  stop() {
    this.#runs += 1;
    this.#move(null);
  }

  async #start() {
    const run = ++this.#runs;
    const isCurrent = () => run === this.#runs;
    const { flow } = this.at.value;
    const { steps } = this.flow.value;
    for (let { step } = this.at.value; step < steps.length; step += 1) {
      this.#move({ flow, step, isOver: false });
      await this.#until(steps[step], isCurrent);
      if (!isCurrent()) return;
      await pause(SPEEDS[this.speed.value]);
      if (!isCurrent()) return;
    }
    this.#move({ flow, step: steps.length, isOver: true });
  }

  async #until({ act, isDone }, isCurrent) {
    const done = computed(() => isDone(this.#world));
    while (isCurrent() && !done.value) {
      // A failed step is repeated; the person's card shows the error.
      Promise.resolve().then(() => act(this.#world)).catch(() => {});
      await waitFor(done, TRY_AGAIN_MS);
    }
  }

  #move(at) {
    this.at.value = at;
    if (at) this.#session.setItem(STORAGE_KEY, JSON.stringify({ at, speed: this.speed.value }));
    else this.#session.removeItem(STORAGE_KEY);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the condition is true, but no longer than `ms`. */
async function waitFor(condition, ms) {
  let stop = () => {};
  const isTrue = new Promise((resolve) => {
    stop = condition.subscribe((value) => value && resolve());
  });
  await Promise.race([isTrue, pause(ms)]);
  stop();
}
