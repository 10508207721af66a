/**
 * Records one person's connection as log entries: sent frames, received frames, and for each reply
 * the frame that it answers.
 *
 * @typedef {object} LogEntry
 * @property {string} who the person
 * @property {"sent" | "replied" | "pushed" | "connected" | "disconnected" | "saved" | "signed-in"}
 *   kind
 * @property {number} at in Unix milliseconds
 * @property {any[]} [frame] as on the wire: `[join_ref, ref, topic, event, payload]`
 * @property {string} [topic]
 * @property {string} [event] for `replied`: of the answered frame
 * @property {any} [payload] for `replied`: of the answered frame
 * @property {"ok" | "error"} [status]
 * @property {any} [response]
 * @property {string} [name] for `saved`: the name of the stored value; the value itself is not
 *   recorded
 * @property {boolean} [isLost] for `disconnected`: whether the person wanted to stay online
 * @property {string} [uid] for `signed-in`
 */

/** Records the frames of one person. */
export class Recorder {
  #record;
  /** Unanswered frames, by topic and ref. */
  #open = new Map();

  /**
   * @param {string} who
   * @param {(entry: LogEntry) => void} record
   */
  constructor(who, record) {
    this.#record = (entry) => record({ who, at: Date.now(), ...entry });
  }

  /** @param {string} uid of the person, who has signed in */
  signedIn(uid) {
    this.#record({ kind: "signed-in", uid });
  }

  /** @param {string} name the name of the stored value */
  saved(name) {
    this.#record({ kind: "saved", name });
  }

  connected() {
    this.#record({ kind: "connected" });
  }

  disconnected() {
    this.#open.clear();
    this.#record({ kind: "disconnected" });
  }

  /** @param {any[]} frame sent to the server */
  sent(frame) {
    const [, ref, topic, event, payload] = frame;
    this.#open.set(`${topic} ${ref}`, { event, payload });
    this.#record({ kind: "sent", frame, topic, event, payload });
  }

  /** @param {any[]} frame from the server */
  received(frame) {
    const [, ref, topic, event, payload] = frame;
    if (event !== "phx_reply") return this.#record({ kind: "pushed", frame, topic, event, payload });
    const key = `${topic} ${ref}`;
    const asked = this.#open.get(key);
    this.#open.delete(key);
    const { status, response } = payload;
    if (asked) this.#record({ kind: "replied", frame, topic, ...asked, status, response });
  }

  /** @returns {typeof WebSocket} a transport for phoenix.js that records its frames */
  transport() {
    const recorder = this;
    return class extends WebSocket {
      constructor(...args) {
        super(...args);
        let isOpen = false;
        this.addEventListener("open", () => {
          isOpen = true;
          recorder.connected();
        });
        this.addEventListener("message", ({ data }) => recorder.received(JSON.parse(data)));
        this.addEventListener("close", () => isOpen && recorder.disconnected());
      }

      send(text) {
        recorder.sent(JSON.parse(text));
        super.send(text);
      }
    };
  }
}
