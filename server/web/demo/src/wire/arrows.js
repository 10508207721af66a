/**
 * Turns log entries into arrows of the sequence diagram, between two people, the room (what is
 * stored) and the channel (what is live).
 *
 * @typedef {object} Arrow
 * @property {string} from one of {@link LINES}
 * @property {string} to equal to `from` for an action of one participant
 * @property {string} label
 * @property {boolean} dashed whether it is stored or fetched, rather than live
 * @property {boolean} minor whether only the connection needs it, not the flow
 * @property {string[]} [delivers] ids of the approves that it delivers
 * @property {string} [question] for a reply that the flow needs: the label of the frame that it
 *   answers
 * @property {import("./recorder.js").LogEntry} entry
 */

import { inShort } from "../words.js";

/** The lifelines, from left to right. */
export const LINES = ["alice", "room", "channel", "bob"];

/** Arrows of sent frames, by event. */
const SENT = {
  request: (who) => live(who, "channel", "asks for the room's key"),
  approve: (who) => live(who, "channel", "sends the encrypted key"),
  deny: (who) => live(who, "channel", "denies the request"),
  unblock: (who) => live(who, "channel", "lifts the denial"),
  withdraw: (who) => stored(who, "room", "withdraws the request"),
  ack: (who) => stored(who, "room", "has saved the key: delete the request"),
  nack: (who) => live(who, "channel", "rejects the approve"),
  card: (who, { payload }) => stored(who, "room", payload.version > 1 ? "publishes the card" : "creates the room"),
  say: (who) => live(who, "channel", "sends an encrypted message"),
};

/** Arrows of `ok` replies, by the event that they answer. */
const REPLIED = {
  request: (who, { response }) => stored(who, "room", response.dup ? "is already stored" : "request is stored"),
  approve: (who, { response }) => stored(who, "room", response.dup ? "is already stored" : "approve is stored"),
  prove: (who, { response }, names) => {
    const waiting = response.pending.filter(({ approvals }) => !approvals);
    if (waiting.length === 0) return null;
    const whose = waiting.map(({ uid }) => `${names(uid)}'s request`).join(", ");
    return { ...stored("room", who, `returns ${whose}`), question: "gets pending requests" };
  },
  phx_join: (who, { response }) => {
    if (!response.approves?.length) return null;
    const delivers = response.approves.map(({ approve_id }) => approve_id);
    return { ...stored("room", who, "returns the approve"), delivers, question: "gets approved requests" };
  },
};

/** Arrows of pushes, by event. */
const PUSHED = {
  request: (who, { payload }, names) => live("channel", who, `delivers ${names(payload.uid)}'s request`),
  approve: (who, { payload }) => {
    return { ...live("channel", who, "delivers the encrypted key"), delivers: [payload.approve_id] };
  },
  denied: (who) => live("channel", who, "delivers the denial"),
  expired: (who) => live("channel", who, "reports that the request has expired"),
  receipt: (who, { payload }, names) => {
    const saved = payload.result === "saved";
    return live("channel", who, `reports that ${names(payload.to)} ${saved ? "has the key" : "cannot use it"}`);
  },
  say: (who) => live("channel", who, "delivers the encrypted message"),
};

/** Arrows of changes to the browser's storage. */
const SAVED = [
  [/^room\/[^/]+\/key$/, "saves the key in localStorage"],
];

const live = (from, to, label) => ({ from, to, label, dashed: false });
const stored = (from, to, label) => ({ from, to, label, dashed: true });

/**
 * @param {import("./recorder.js").LogEntry} entry
 * @param {(uid: string) => string} returns the name of a user
 * @returns {Arrow | null} null if the entry has no arrow
 */
export function arrowOf(entry, names) {
  const arrow = draw(entry, names);
  return arrow && { minor: false, ...arrow, entry };
}

function draw(entry, names) {
  const { who, kind, event } = entry;
  switch (kind) {
    case "sent":
      return SENT[event]?.(who, entry, names) ?? { ...live(who, "channel", event), minor: true };
    case "replied":
      if (entry.status !== "ok") return live("channel", who, `refuses: ${inShort(entry.response.reason)}`);
      return REPLIED[event]?.(who, entry, names) ?? { ...live("channel", who, `ok: ${event}`), minor: true };
    case "pushed":
      return PUSHED[event]?.(who, entry, names) ?? { ...live("channel", who, event), minor: true };
    case "saved": {
      const found = SAVED.find(([name]) => name.test(entry.name));
      return found ? stored(who, who, found[1]) : null;
    }
    case "connected":
      return live(who, who, "comes online");
    case "disconnected":
      return live(who, who, entry.isLost ? "loses the connection" : "goes offline");
    default:
      return null;
  }
}
