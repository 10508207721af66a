/**
 * Facts as arrows of the sequence diagram that this project began with: between two people, the room (what is stored)
 * and the channel (what is live).
 *
 * @typedef {object} Arrow
 * @property {string} from one of {@link LINES}
 * @property {string} to the same for what somebody does alone
 * @property {string} label
 * @property {boolean} dashed the slow track: what is stored, or fetched
 * @property {boolean} minor what the connection needs and the flow does not
 * @property {string[]} [brings] ids of the approves that it brings
 * @property {string} [question] of an answer that the flow needs: what the frame was that it answers
 * @property {import("./facts.js").Fact} fact
 */

/** The lifelines, from left to right. */
export const LINES = ["alice", "room", "channel", "bob"];

/** What somebody says, by event. */
const SAID = {
  request: (who) => live(who, "channel", "asks for the room's key"),
  approve: (who) => live(who, "channel", "sends the key, sealed"),
  deny: (who) => live(who, "channel", "denies"),
  withdraw: (who) => stored(who, "room", "takes the request back"),
  ack: (who) => stored(who, "room", "saved it: delete the request"),
  nack: (who) => live(who, "channel", "cannot use this approve"),
  card: (who, { payload }) => stored(who, "room", payload.version > 1 ? "publishes the card" : "creates the room"),
  say: (who) => live(who, "channel", "says something, sealed"),
};

/** What an `ok` means, by the event that it answers. */
const ANSWERED = {
  request: (who, { response }) => stored(who, "room", response.dup ? "is stored already" : "request is stored"),
  approve: (who, { response }) => stored(who, "room", response.dup ? "is stored already" : "approve is stored"),
  prove: (who, { response }, names) => {
    const waiting = response.pending.filter(({ approvals }) => !approvals);
    if (waiting.length === 0) return null;
    const whose = waiting.map(({ uid }) => `${names(uid)}'s request`).join(", ");
    return { ...stored("room", who, `returns ${whose}`), question: "gets pending requests" };
  },
  phx_join: (who, { response }) => {
    if (!response.approves?.length) return null;
    const brings = response.approves.map(({ approve_id }) => approve_id);
    return { ...stored("room", who, "returns the approve"), brings, question: "gets approved requests" };
  },
};

/** What the server pushes, by event. */
const CAME = {
  request: (who, { payload }, names) => live("channel", who, `brings ${names(payload.uid)}'s request`),
  approve: (who, { payload }) => ({ ...live("channel", who, "delivers the sealed key"), brings: [payload.approve_id] }),
  denied: (who) => live("channel", who, "brings the denial"),
  expired: (who) => live("channel", who, "the request has expired"),
  receipt: (who, { payload }, names) => {
    const saved = payload.result === "saved";
    return live("channel", who, saved ? `${names(payload.to)} has the key` : `${names(payload.to)} cannot use it`);
  },
  say: (who) => live("channel", who, "brings it, sealed"),
};

/** What happens inside a browser. */
const SAVED = [
  [/^room\/[^/]+\/key$/, "saves the key in LocalStorage"],
];

const live = (from, to, label) => ({ from, to, label, dashed: false });
const stored = (from, to, label) => ({ from, to, label, dashed: true });

/**
 * @param {import("./facts.js").Fact} fact
 * @param {(uid: string) => string} names of people, by their uid
 * @returns {Arrow | null} null for what is drawn otherwise, or not at all
 */
export function arrowOf(fact, names) {
  const drawn = draw(fact, names);
  return drawn && { minor: false, ...drawn, fact };
}

function draw(fact, names) {
  const { who, kind, event } = fact;
  switch (kind) {
    case "said":
      return SAID[event]?.(who, fact, names) ?? { ...live(who, "channel", event), minor: true };
    case "answered":
      if (fact.status !== "ok") return live("channel", who, `refuses: ${fact.response.reason}`);
      return ANSWERED[event]?.(who, fact, names) ?? { ...live("channel", who, `ok: ${event}`), minor: true };
    case "came":
      return CAME[event]?.(who, fact, names) ?? { ...live("channel", who, event), minor: true };
    case "saved": {
      const found = SAVED.find(([name]) => name.test(fact.name));
      return found ? stored(who, who, found[1]) : null;
    }
    case "connected":
      return live(who, who, "becomes online");
    case "disconnected":
      return live(who, who, "becomes offline");
    default:
      return null;
  }
}
