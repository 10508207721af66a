import { expect, test } from "vitest";
import { arrowOf } from "../src/wire/arrows.js";

const names = (uid) => ({ b: "Bob", a: "Alice" })[uid] ?? "somebody";
const seen = (fact) => {
  const arrow = arrowOf(fact, names);
  return arrow && [arrow.from, arrow.to, arrow.label, arrow.dashed, arrow.minor];
};

test("the seed's arrows of the online flow", () => {
  const topic = "room:r";
  expect(seen({ who: "alice", kind: "said", topic, event: "card", payload: { version: 1 } })).toEqual(
    ["alice", "room", "creates the room", true, false]);
  expect(seen({ who: "alice", kind: "saved", name: "room/r/key" })).toEqual(
    ["alice", "alice", "saves the key in LocalStorage", true, false]);
  expect(seen({ who: "bob", kind: "said", topic, event: "request", payload: {} })).toEqual(
    ["bob", "channel", "asks for the room's key", false, false]);
  expect(seen({ who: "bob", kind: "answered", topic, event: "request", payload: {}, status: "ok", response: {} })).toEqual(
    ["bob", "room", "request is stored", true, false]);
  expect(seen({ who: "alice", kind: "came", topic, event: "request", payload: { uid: "b" } })).toEqual(
    ["channel", "alice", "brings Bob's request", false, false]);
  expect(seen({ who: "alice", kind: "said", topic, event: "approve", payload: {} })).toEqual(
    ["alice", "channel", "sends the key, sealed", false, false]);
  expect(seen({ who: "bob", kind: "came", topic, event: "approve", payload: {} })).toEqual(
    ["channel", "bob", "delivers the sealed key", false, false]);
  expect(seen({ who: "bob", kind: "said", topic, event: "ack", payload: {} })).toEqual(
    ["bob", "room", "saved it: delete the request", true, false]);
});

test("who was away fetches: a join and a proof are of the flow when they bring something", () => {
  const proven = (pending) => arrowOf({ who: "alice", kind: "answered", event: "prove", status: "ok", response: { pending } }, names);
  expect(proven([])).toMatchObject({ minor: true });
  expect(proven([{ uid: "b", approvals: 1 }])).toMatchObject({ minor: true });
  expect(proven([{ uid: "b", approvals: 0 }])).toMatchObject({
    from: "room", to: "alice", label: "returns Bob's request", minor: false, question: "gets pending requests",
  });
  const joined = (approves) => arrowOf({ who: "bob", kind: "answered", event: "phx_join", status: "ok", response: { approves } }, names);
  expect(joined([])).toMatchObject({ minor: true });
  expect(joined([{ approve_id: "x" }])).toMatchObject({
    from: "room", to: "bob", minor: false, question: "gets approved requests", brings: ["x"],
  });
});

test("what the connection needs is minor, a refusal never is, other savings are none of the flow's", () => {
  expect(seen({ who: "bob", kind: "said", event: "heartbeat", topic: "phoenix", payload: {} })).toEqual(
    ["bob", "channel", "heartbeat", false, true]);
  expect(seen({ who: "bob", kind: "came", event: "caught_up", payload: {} })).toEqual(
    ["channel", "bob", "caught_up", false, true]);
  expect(seen({ who: "bob", kind: "answered", event: "request", status: "error", response: { reason: "cooldown" } })).toEqual(
    ["channel", "bob", "refuses: cooldown", false, false]);
  expect(seen({ who: "bob", kind: "saved", name: "seen" })).toBeNull();
  expect(seen({ who: "bob", kind: "is", uid: "b" })).toBeNull();
});
