/**
 * What passes between one person's phoenix.js and the server, as facts: a frame said, a frame that came, and, for each
 * answer, what it answers.
 *
 * @typedef {object} Fact
 * @property {string} who whose connection, or whose browser
 * @property {"said" | "answered" | "came" | "connected" | "disconnected" | "saved" | "is"} kind
 * @property {number} at when, in Unix milliseconds
 * @property {any[]} [frame] as it went over the wire: `[join_ref, ref, topic, event, payload]`
 * @property {string} [topic]
 * @property {string} [event] of `answered`: what was said
 * @property {any} [payload] of `answered`: what was said
 * @property {"ok" | "error"} [status]
 * @property {any} [response]
 * @property {string} [name] of `saved`: what was written to the storage; its value is nobody's business
 * @property {string} [uid] of `is`
 */

/** Makes facts of the frames of one person. */
export class Facts {
  #tell;
  /** What was said and not answered, by topic and ref. */
  #open = new Map();

  /**
   * @param {string} who
   * @param {(fact: Fact) => void} tell
   */
  constructor(who, tell) {
    this.#tell = (fact) => tell({ who, at: Date.now(), ...fact });
  }

  /** @param {string} uid who signed in */
  is(uid) {
    this.#tell({ kind: "is", uid });
  }

  /** @param {string} name what was written to the storage */
  saved(name) {
    this.#tell({ kind: "saved", name });
  }

  connected() {
    this.#tell({ kind: "connected" });
  }

  disconnected() {
    this.#open.clear();
    this.#tell({ kind: "disconnected" });
  }

  /** @param {any[]} frame on its way to the server */
  said(frame) {
    const [, ref, topic, event, payload] = frame;
    this.#open.set(`${topic} ${ref}`, { event, payload });
    this.#tell({ kind: "said", frame, topic, event, payload });
  }

  /** @param {any[]} frame from the server */
  came(frame) {
    const [, ref, topic, event, payload] = frame;
    if (event !== "phx_reply") return this.#tell({ kind: "came", frame, topic, event, payload });
    const key = `${topic} ${ref}`;
    const asked = this.#open.get(key);
    this.#open.delete(key);
    const { status, response } = payload;
    if (asked) this.#tell({ kind: "answered", frame, topic, ...asked, status, response });
  }

  /** @returns {typeof WebSocket} a transport for phoenix.js that tells what passes through it */
  transport() {
    const facts = this;
    return class extends WebSocket {
      constructor(...args) {
        super(...args);
        let isOpen = false;
        this.addEventListener("open", () => {
          isOpen = true;
          facts.connected();
        });
        this.addEventListener("message", ({ data }) => facts.came(JSON.parse(data)));
        this.addEventListener("close", () => isOpen && facts.disconnected());
      }

      send(text) {
        facts.said(JSON.parse(text));
        super.send(text);
      }
    };
  }
}
