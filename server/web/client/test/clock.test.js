import assert from "node:assert/strict";
import { test } from "vitest";
import { Clock } from "../src/clock.js";
import { VestibuleError } from "../src/errors.js";
import { setClock } from "./fake-time.js";

const NOW = Date.UTC(2026, 10, 26, 12);
const [MINUTE, DAY] = [60_000, 86_400_000];

/** A device whose clock shows `here`. */
function begin(here = NOW) {
  setClock(here);
  const warnings = [];
  return { clock: new Clock((error) => warnings.push(error)), warnings };
}

test("a wrong clock is corrected and reported once", () => {
  for (const here of [NOW + 3 * DAY, NOW - 3 * DAY, Date.UTC(2010, 0, 1), 0]) {
    const { clock, warnings } = begin(here);
    clock.update(NOW);
    assert.equal(clock.now(), NOW);
    assert.deepEqual(warnings.map(({ reason }) => reason), ["wrong_clock"]);
    assert.match(warnings[0].detail, /the server's 2026-11-26 12:00 UTC; the client corrects for it$/);
    setClock(here + MINUTE);
    assert.equal(clock.now(), NOW + MINUTE);
    clock.update(NOW + MINUTE);
    assert.equal(warnings.length, 1, "once");
  }
});

test("a clock that is set right is no longer corrected", () => {
  for (const here of [NOW + 3 * DAY, NOW - 3 * DAY, Date.UTC(2010, 0, 1), 0]) {
    const { clock, warnings } = begin(here);
    clock.update(NOW);
    setClock(NOW + 30_000);
    assert.equal(clock.now(), NOW + 30_000);
    assert.ok(clock.isSurelyPast(NOW), "no record is kept for longer either");
    assert.equal(clock.differs, false);
    clock.update(NOW + 30_000);
    assert.equal(warnings.length, 1);
  }
});

test("the round trip is halved and slow responses are ignored", () => {
  const { clock, warnings } = begin();
  clock.update(NOW + 10_000, 4000);
  assert.equal(clock.now(), NOW + 12_000);
  clock.update(NOW - 2000, 4000);
  assert.equal(clock.now(), NOW, "the round trip explains the difference");
  for (const roundTripMs of [-1, 60_001, Infinity]) clock.update(NOW + DAY, roundTripMs);
  assert.equal(clock.now(), NOW);
  assert.deepEqual(warnings, []);
});

test("an implausible time is not used but reported", () => {
  for (const told of [0, Date.UTC(2025, 0, 1), NOW + 367 * DAY, NOW - 367 * DAY, Date.UTC(2200, 0, 1), 8.64e15 + 1]) {
    const { clock, warnings } = begin();
    clock.update(NOW + DAY);
    clock.update(told);
    assert.equal(clock.now(), NOW);
    assert.match(warnings[1].detail, /2026-11-26 12:00 UTC .*too large to correct: set the clock$/);
  }
  const { clock } = begin(0);
  clock.update(Date.UTC(2200, 0, 1));
  assert.equal(clock.now(), 0, "even if this device's clock is implausible");
});

test("a server that sends no time changes nothing", () => {
  const { clock } = begin();
  for (const nothing of [undefined, null, NaN, "1", {}, 1.5]) clock.update(nothing);
  assert.equal(clock.now(), NOW);
});

test("a time is surely past if it is past by both clocks", () => {
  const { clock } = begin();
  clock.update(NOW + 30 * DAY);
  assert.equal(clock.isPast(NOW + DAY), true);
  assert.equal(clock.isSurelyPast(NOW + DAY), false, "only the server says so");
  clock.update(NOW - 30 * DAY);
  assert.equal(clock.isSurelyPast(NOW - DAY), false, "only the device says so");
  assert.equal(clock.isSurelyPast(NOW - 30 * DAY), true);
});

test("a refusal about a time names both clocks", () => {
  const { clock } = begin(NOW + 3 * DAY);
  const refusal = new VestibuleError("bad_payload", "exp is too far ahead");
  assert.equal(clock.explain(refusal), refusal);
  clock.update(NOW);
  const { reason, detail } = clock.explain(refusal);
  assert.equal(reason, "bad_payload");
  assert.match(detail, /^exp is too far ahead; this device's clock shows 2026-11-29 .* the server's 2026-11-26 /);
  const other = new VestibuleError("quota");
  assert.equal(clock.explain(other), other);
});
