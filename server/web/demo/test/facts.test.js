import { expect, test } from "vitest";
import { Facts } from "../src/wire/facts.js";

function begin() {
  const told = [];
  return { told, facts: new Facts("bob", (fact) => told.push(fact)) };
}

test("an answer says what it answers, of its own topic", () => {
  const { told, facts } = begin();
  facts.said(["1", "2", "room:a", "request", { request_id: "r" }]);
  facts.said(["3", "2", "room:b", "ack", {}]);
  const answer = ["1", "2", "room:a", "phx_reply", { status: "ok", response: { seq: 5 } }];
  facts.came(answer);
  const { kind, event, payload, status, response, frame, who } = told.at(-1);
  expect({ kind, event, payload, status, response, frame, who }).toEqual({
    kind: "answered", event: "request", payload: { request_id: "r" }, status: "ok", response: { seq: 5 }, frame: answer,
    who: "bob",
  });
});

test("an answer to nothing that was said on this connection is no fact", () => {
  const { told, facts } = begin();
  facts.said(["1", "2", "room:a", "request", {}]);
  facts.disconnected();
  facts.came(["1", "2", "room:a", "phx_reply", { status: "ok", response: {} }]);
  expect(told.map(({ kind }) => kind)).toEqual(["said", "disconnected"]);
});

test("what is saved is told by its name alone", () => {
  const { told, facts } = begin();
  facts.saved("user");
  expect(told[0]).toMatchObject({ who: "bob", kind: "saved", name: "user" });
  expect(Object.keys(told[0]).sort()).toEqual(["at", "kind", "name", "who"]);
});
