/**
 * The operator's phoenix.js connection: signs in with a token, joins the topic `admin`, and keeps what it tells.
 */
import { signal } from "@preact/signals";
import { Socket } from "phoenix";
import { Admin } from "./admin.js";
import { PLOTS } from "./figures.js";

/** So many samples are drawn: five minutes. */
const MOST_SAMPLES = 300;

/** What a refused join says, to people. */
const REFUSED = { unauthorized: "The server does not know this token." };

export class Connection {
  #socket = null;
  /** The endpoints, for who has signed in. @type {Admin | null} */
  admin = null;

  /** @type {import("@preact/signals").Signal<"out" | "connecting" | "in">} */
  status = signal("out");
  /** Who the server says this is. @type {import("@preact/signals").Signal<{name: string, access: "read" | "full"} | null>} */
  operator = signal(null);
  /** @type {import("@preact/signals").Signal<string | null>} */
  trouble = signal(null);
  /** The last two samples. @type {import("@preact/signals").Signal<import("./series.js").Sample[]>} */
  last = signal([]);
  /** For each plot its columns: times in seconds, then each figure's values. */
  columns = signal(PLOTS.map(({ figures }) => [[], ...figures.map(() => [])]));

  /** @param {string} token kept in this page alone, and never part of an address */
  signIn(token) {
    this.signOut();
    this.status.value = "connecting";
    this.trouble.value = null;
    const socket = new Socket("/socket", { authToken: token });
    this.#socket = socket;
    this.admin = new Admin(token);
    socket.onError(() => {
      if (this.#socket === socket && this.status.value !== "in") this.trouble.value = "The server does not answer.";
    });
    socket.onClose(() => {
      if (this.#socket === socket) this.status.value = "connecting";
    });
    socket.connect();
    const channel = socket.channel("admin");
    channel.on("metrics", (sample) => this.#take(sample));
    channel
      .join()
      .receive("ok", (operator) => {
        this.operator.value = operator;
        this.status.value = "in";
        this.trouble.value = null;
      })
      .receive("error", ({ reason }) => {
        this.signOut();
        this.trouble.value = REFUSED[reason] ?? reason;
      });
  }

  signOut() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.disconnect();
    this.status.value = "out";
    this.operator.value = null;
  }

  #take(sample) {
    const before = this.last.value.at(-1);
    this.last.value = [before ?? sample, sample];
    if (!before) return;
    this.columns.value = this.columns.value.map(([times, ...values], plot) => {
      const { figures } = PLOTS[plot];
      const grown = values.map((column, index) => [...column, figures[index].of(before, sample)].slice(-MOST_SAMPLES));
      return [[...times, sample.at / 1000].slice(-MOST_SAMPLES), ...grown];
    });
  }
}
