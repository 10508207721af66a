import { expect, test } from "vitest";
import { emptyRoom, applyEntry } from "../src/wire/stored-room.js";

const topic = "room:r";
const ok = (event, payload, response, on = topic) => ({ kind: "replied", status: "ok", event, payload, response, topic: on });
const came = (event, payload, on = topic) => ({ kind: "pushed", event, payload, topic: on });
const after = (...recorder) => recorder.reduce((room, [entry, uid]) => applyEntry(room, entry, uid), emptyRoom("r"));

const asked = [ok("request", { request_id: "q" }, { request_id: "q", dup: false }), "b"];
const approved = [ok("approve", { to: "b", request_id: "q" }, { dup: false }), "a"];

test("a request and its approves are stored until the ack", () => {
  expect(after(asked).requests).toEqual([{ requestId: "q", uid: "b", approves: 0 }]);
  expect(after(asked, approved).requests).toEqual([{ requestId: "q", uid: "b", approves: 1 }]);
  expect(after(asked, approved, [ok("ack", { rid: "r" }, { deleted: true }, "user:b"), "b"]).requests).toEqual([]);
  expect(after(asked, approved, [ok("ack", {}, { deleted: false }), "b"]).requests).toHaveLength(1);
});

test("a repeated request or approve is stored once", () => {
  const again = [ok("request", { request_id: "other" }, { request_id: "q", dup: true }), "b"];
  expect(after(asked, approved, again).requests).toEqual([{ requestId: "q", uid: "b", approves: 1 }]);
  const dup = [ok("approve", { to: "b", request_id: "q" }, { dup: true }), "a"];
  expect(after(asked, approved, dup).requests[0].approves).toBe(1);
});

test("a member's list replaces the open requests", () => {
  const listed = [ok("prove", {}, { pending: [{ request_id: "new", uid: "c", approvals: 2 }], card: { name: "Garden" } }), "a"];
  expect(after(asked, listed)).toMatchObject({
    card: { name: "Garden" }, requests: [{ requestId: "new", uid: "c", approves: 2 }],
  });
});

test("denied, withdrawn, expired and done requests are gone", () => {
  for (const event of ["denied", "withdrawn", "expired"]) {
    expect(after(asked, [came(event, { rid: "r", request_id: "q" }, "user:b"), "b"]).requests).toEqual([]);
  }
  expect(after(asked, [came("request_gone", { uid: "b", request_id: "q", state: "done" })]).requests).toEqual([]);
  expect(after(asked, [came("request_gone", { uid: "b", request_id: "q", state: "approved" })]).requests[0].approves).toBe(1);
  expect(after(asked, [ok("withdraw", { request_id: "q" }, {}), "b"]).requests).toEqual([]);
});

test("two users' requests with one id are separate", () => {
  const twin = [came("request", { uid: "m", request_id: "q" })];
  const both = after(asked, twin, approved);
  expect(both.requests.map(({ uid, approves }) => [uid, approves])).toEqual([["b", 1], ["m", 0]]);
  for (const [entry, uid] of [
    [came("request_gone", { uid: "m", request_id: "q", state: "done" }), "a"],
    [ok("deny", { to: "m", request_id: "q" }, {}), "a"],
    [ok("withdraw", { request_id: "q" }, {}), "m"],
    [came("expired", { rid: "r", request_id: "q" }, "user:m"), "m"],
  ]) expect(applyEntry(both, entry, uid).requests.map((request) => request.uid)).toEqual(["b"]);
});

test("the server's count of approves is used", () => {
  const two = { uid: "b", request_id: "q", state: "approved", approvals: 2 };
  expect(after(asked, [came("request_gone", two)]).requests[0].approves).toBe(2);
});

test("refusals and other rooms change nothing", () => {
  const room = emptyRoom("r");
  const refused = { ...asked[0], status: "error", response: { reason: "quota" } };
  expect(applyEntry(room, refused, "b")).toBe(room);
  expect(applyEntry(room, ok("request", { request_id: "q" }, { request_id: "q" }, "room:other"), "b")).toBe(room);
});
