import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HOLD_MS, HeldDenials } from "../src/people/held-denials.js";

const REQUEST = { uid: "bob", requestId: "one" };

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Records what comes of a held denial. */
function hold(held, request = REQUEST) {
  const outcome = { isDue: undefined };
  held.hold(request).then((isDue) => (outcome.isDue = isDue));
  return outcome;
}

test("a denial is due after five seconds, not before", async () => {
  const held = new HeldDenials();
  const outcome = hold(held);
  await vi.advanceTimersByTimeAsync(HOLD_MS - 1);
  expect([outcome.isDue, held.keys.value.length]).toEqual([undefined, 1]);
  await vi.advanceTimersByTimeAsync(1);
  expect([outcome.isDue, held.keys.value.length]).toEqual([true, 0]);
});

test("an undone denial is never due", async () => {
  const held = new HeldDenials();
  const outcome = hold(held);
  await vi.advanceTimersByTimeAsync(HOLD_MS - 1);
  held.undo(REQUEST);
  await vi.advanceTimersByTimeAsync(HOLD_MS);
  expect([outcome.isDue, held.keys.value.length]).toEqual([false, 0]);
});

test("requests of two users with one id are told apart", async () => {
  const held = new HeldDenials();
  const [bob, eve] = [hold(held), hold(held, { uid: "eve", requestId: "one" })];
  held.undo(REQUEST);
  await vi.advanceTimersByTimeAsync(HOLD_MS);
  expect([bob.isDue, eve.isDue]).toEqual([false, true]);
});

test("whoever goes offline denies nothing", async () => {
  const held = new HeldDenials();
  const outcomes = [hold(held), hold(held, { uid: "eve", requestId: "two" })];
  held.clear();
  await vi.advanceTimersByTimeAsync(HOLD_MS);
  expect(outcomes.map(({ isDue }) => isDue)).toEqual([false, false]);
});
