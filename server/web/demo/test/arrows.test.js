import { expect, test } from "vitest";
import { arrowOf } from "../src/wire/arrows.js";

const names = (uid) => ({ b: "Bob", a: "Alice" })[uid] ?? "somebody";
const seen = (entry) => {
  const arrow = arrowOf(entry, names);
  return arrow && [arrow.from, arrow.to, arrow.label, arrow.dashed, arrow.minor];
};

test("the online flow has its arrows", () => {
  const topic = "room:r";
  expect(seen({ who: "alice", kind: "sent", topic, event: "card", payload: { version: 1 } })).toEqual(
    ["alice", "room", "creates the room", true, false]);
  expect(seen({ who: "alice", kind: "saved", name: "room/r/key" })).toEqual(
    ["alice", "alice", "saves the key in localStorage", true, false]);
  expect(seen({ who: "bob", kind: "sent", topic, event: "request", payload: {} })).toEqual(
    ["bob", "channel", "asks for the room's key", false, false]);
  expect(seen({ who: "bob", kind: "replied", topic, event: "request", payload: {}, status: "ok", response: {} })).toEqual(
    ["bob", "room", "request is stored", true, false]);
  expect(seen({ who: "alice", kind: "pushed", topic, event: "request", payload: { uid: "b" } })).toEqual(
    ["channel", "alice", "delivers Bob's request", false, false]);
  expect(seen({ who: "alice", kind: "sent", topic, event: "approve", payload: {} })).toEqual(
    ["alice", "channel", "sends the encrypted key", false, false]);
  expect(seen({ who: "bob", kind: "pushed", topic, event: "approve", payload: {} })).toEqual(
    ["channel", "bob", "delivers the encrypted key", false, false]);
  expect(seen({ who: "bob", kind: "sent", topic, event: "ack", payload: {} })).toEqual(
    ["bob", "room", "has saved the key: delete the request", true, false]);
});

test("joins and proofs are shown if they deliver something", () => {
  const ok = { kind: "replied", status: "ok" };
  const proven = (pending) => arrowOf({ ...ok, who: "alice", event: "prove", response: { pending } }, names);
  expect(proven([])).toMatchObject({ minor: true });
  expect(proven([{ uid: "b", approvals: 1 }])).toMatchObject({ minor: true });
  expect(proven([{ uid: "b", approvals: 0 }])).toMatchObject({
    from: "room", to: "alice", label: "returns Bob's request", minor: false, question: "gets pending requests",
  });
  const joined = (approves) => arrowOf({ ...ok, who: "bob", event: "phx_join", response: { approves } }, names);
  expect(joined([])).toMatchObject({ minor: true });
  expect(joined([{ approve_id: "x" }])).toMatchObject({
    from: "room", to: "bob", minor: false, question: "gets approved requests", delivers: ["x"],
  });
});

test("connection frames are minor, refusals are not", () => {
  expect(seen({ who: "bob", kind: "sent", event: "heartbeat", topic: "phoenix", payload: {} })).toEqual(
    ["bob", "channel", "heartbeat", false, true]);
  expect(seen({ who: "bob", kind: "pushed", event: "caught_up", payload: {} })).toEqual(
    ["channel", "bob", "caught_up", false, true]);
  expect(seen({ who: "bob", kind: "replied", event: "request", status: "error", response: { reason: "cooldown" } })).toEqual(
    ["channel", "bob", "refuses: a member denied your request", false, false]);
  expect(seen({ who: "bob", kind: "saved", name: "seen" })).toBeNull();
  expect(seen({ who: "bob", kind: "signed-in", uid: "b" })).toBeNull();
});
