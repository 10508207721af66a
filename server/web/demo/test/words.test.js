import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { WORDS, inShort, wordsFor } from "../src/words.js";

const read = (path) => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");

/** The names in backticks. */
const named = (text) => [...text.matchAll(/`([a-z_ ]+)`/g)].map(([, name]) => name);

/** The server's reasons, as its sources have them. */
function serversReasons() {
  const [, body] = /pub enum Reason \{\n(.*?)\n\}/s.exec(read("protocol/approve/src/refusal.rs"));
  const variants = [...body.matchAll(/^ {4}([A-Z]\w+),$/gm)].map(([, name]) => name);
  return variants.map((name) => name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase());
}

/** The last column of the protocol's table of events, the common reasons, and those over HTTP. */
function protocolsReasons() {
  const text = read("docs/protocol.md");
  const [, table] = /\| event \| who \| payload \| ok reply \| error reasons.*?\n\|[-|]+\n(.*?)\n\n/s.exec(text);
  const cells = table.split("\n").map((row) => row.split("|").at(-2));
  const ofEvents = cells.flatMap((cell) => cell.split(",")).map((reason) => reason.trim());
  const [, common] = /\nCommon reasons: (.*?) Their shape/s.exec(text);
  const [, http] = /\nErrors of all HTTP endpoints are .*? with a status of (.*?)\n\n/s.exec(text);
  return [...ofEvents, ...named(common), ...named(http)].filter(Boolean);
}

/** The client's own reasons and those that it explains. */
function clientsReasons() {
  return [...read("server/web/client/src/error-messages.js").matchAll(/^ {2}([a-z_]+): "/gm)].map(([, name]) => name);
}

/** What the client documents beyond those: what it finds wrong in received data. */
function receivedReasons() {
  const [, list] = /for received data: (.*?)\n \* - /s.exec(read("server/web/client/src/errors.js"));
  return named(list);
}

/** What channels by configuration answer. */
function channelsReasons() {
  const text = read("docs/front-ends.md");
  const [, list] = /The server answers what it does not allow with an error reply, (.*?)\n\n/s.exec(text);
  return ["unmatched topic", ...named(list).filter((name) => name !== "_id")];
}

test.each([
  ["the server's sources", serversReasons, 24],
  ["the protocol", protocolsReasons, 24],
  ["the client", clientsReasons, 38],
  ["the client, of received data", receivedReasons, 8],
  ["channels by configuration", channelsReasons, 4],
])("there is a sentence for every reason of %s", (_, reasons, least) => {
  const all = [...new Set(reasons())];
  expect(all.length, all.join()).toBeGreaterThanOrEqual(least);
  expect(all.filter((reason) => !Object.hasOwn(WORDS, reason))).toEqual([]);
});

test("the sentences are sentences, not names of reasons", () => {
  for (const [reason, words] of Object.entries(WORDS)) {
    expect(words, reason).toMatch(/^[A-Z].*\.$/);
    expect(words, reason).not.toMatch(/_/);
    expect(inShort(reason), reason).toMatch(/^[a-z][^_.]*[^_.]$/);
  }
});

test("an unknown reason is never shown as it came", () => {
  for (const reason of ["some_new_reason", "constructor", "", undefined]) {
    expect(wordsFor({ reason })).toBe("That did not work. Try again in a moment.");
  }
});

test("a denied newcomer reads how long to wait", () => {
  expect(wordsFor({ reason: "cooldown", retryMs: 86_399_000 })).toContain("in 24 hours");
  expect(wordsFor({ reason: "cooldown", retry_ms: 1 })).toContain("in 1 hour.");
  expect(wordsFor({ reason: "cooldown" })).toContain("later");
});
