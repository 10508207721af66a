/**
 * The operator's phoenix.js connection: signs in with a token, joins the topic `admin`, and keeps
 * its samples.
 */
import { signal } from "@preact/signals";
import { Socket } from "phoenix";
import { Admin } from "./admin.js";
import { PLOTS } from "./figures.js";

/** The number of samples drawn: five minutes. */
const MAX_SAMPLES = 300;

/** Messages for refused joins. */
const REFUSED = { unauthorized: "The server does not accept this token." };

export class Connection {
  #socket = null;
  /** The admin endpoints; null until signed in. @type {Admin | null} */
  admin = null;

  /** @type {import("@preact/signals").Signal<"out" | "connecting" | "in">} */
  status = signal("out");
  /**
   * The signed-in operator.
   *
   * @type {import("@preact/signals").Signal<{name: string, access: "read" | "full"} | null>}
   */
  operator = signal(null);
  /** @type {import("@preact/signals").Signal<string | null>} */
  error = signal(null);
  /**
   * The last two samples.
   *
   * @type {import("@preact/signals").Signal<import("./series.js").Sample[]>}
   */
  last = signal([]);
  /** For each plot its columns: the times in seconds, then each figure's values. */
  columns = signal(PLOTS.map(({ figures }) => [[], ...figures.map(() => [])]));

  /** @param {string} token kept only in this page, and never part of a URL */
  signIn(token) {
    this.signOut();
    this.status.value = "connecting";
    this.error.value = null;
    const socket = new Socket("/socket", { authToken: token });
    this.#socket = socket;
    this.admin = new Admin(token);
    socket.onError(() => {
      if (this.#socket === socket && this.status.value !== "in") this.error.value = "The server does not answer.";
    });
    socket.onClose(() => {
      if (this.#socket === socket) this.status.value = "connecting";
    });
    socket.connect();
    const channel = socket.channel("admin");
    channel.on("metrics", (sample) => this.#addSample(sample));
    channel
      .join()
      .receive("ok", (operator) => {
        this.operator.value = operator;
        this.status.value = "in";
        this.error.value = null;
      })
      .receive("error", ({ reason }) => {
        this.signOut();
        this.error.value = REFUSED[reason] ?? reason;
      });
  }

  signOut() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.disconnect();
    this.status.value = "out";
    this.operator.value = null;
  }

  #addSample(sample) {
    const before = this.last.value.at(-1);
    this.last.value = [before ?? sample, sample];
    if (!before) return;
    this.columns.value = this.columns.value.map(([times, ...values], plot) => {
      const { figures } = PLOTS[plot];
      const grown = values.map((column, index) => [...column, figures[index].of(before, sample)].slice(-MAX_SAMPLES));
      return [[...times, sample.at / 1000].slice(-MAX_SAMPLES), ...grown];
    });
  }
}
