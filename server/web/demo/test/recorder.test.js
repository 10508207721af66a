import { expect, test } from "vitest";
import { Recorder } from "../src/wire/recorder.js";

function begin() {
  const told = [];
  return { told, recorder: new Recorder("bob", (entry) => told.push(entry)) };
}

test("a reply names the frame of its topic that it answers", () => {
  const { told, recorder } = begin();
  recorder.sent(["1", "2", "room:a", "request", { request_id: "r" }]);
  recorder.sent(["3", "2", "room:b", "ack", {}]);
  const answer = ["1", "2", "room:a", "phx_reply", { status: "ok", response: { seq: 5 } }];
  recorder.received(answer);
  const { kind, event, payload, status, response, frame, who } = told.at(-1);
  expect({ kind, event, payload, status, response, frame, who }).toEqual({
    kind: "replied", event: "request", payload: { request_id: "r" }, status: "ok", response: { seq: 5 }, frame: answer,
    who: "bob",
  });
});

test("a reply to a frame of an earlier connection is ignored", () => {
  const { told, recorder } = begin();
  recorder.sent(["1", "2", "room:a", "request", {}]);
  recorder.disconnected();
  recorder.received(["1", "2", "room:a", "phx_reply", { status: "ok", response: {} }]);
  expect(told.map(({ kind }) => kind)).toEqual(["sent", "disconnected"]);
});

test("a saved value is recorded by its name only", () => {
  const { told, recorder } = begin();
  recorder.saved("user");
  expect(told[0]).toMatchObject({ who: "bob", kind: "saved", name: "user" });
  expect(Object.keys(told[0]).sort()).toEqual(["at", "kind", "name", "who"]);
});
