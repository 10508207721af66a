import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { refresh } from "../src/refresh.js";

const EVERY = 5000;

/** A page that can be hidden. */
class FakePage extends EventTarget {
  hidden = false;

  becomes(hidden) {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const passes = (ms) => vi.advanceTimersByTimeAsync(ms);

test("the act runs at once and repeatedly until stopped", async () => {
  const act = vi.fn(async () => {});
  const end = refresh(act, EVERY, new FakePage());
  await passes(EVERY - 1);
  expect(act).toHaveBeenCalledTimes(1);
  await passes(1 + EVERY);
  expect(act).toHaveBeenCalledTimes(3);
  end();
  await passes(10 * EVERY);
  expect(act).toHaveBeenCalledTimes(3);
});

test("the act pauses while the page is hidden", async () => {
  const page = new FakePage();
  page.hidden = true;
  const act = vi.fn(async () => {});
  const end = refresh(act, EVERY, page);
  await passes(100 * EVERY);
  expect(act).toHaveBeenCalledTimes(0);
  page.becomes(false);
  await passes(0);
  expect(act).toHaveBeenCalledTimes(1);
  // Toggling the visibility does not cause extra calls.
  for (let glance = 0; glance < 10; glance += 1) {
    page.becomes(true);
    page.becomes(false);
    await passes(10);
  }
  expect(act).toHaveBeenCalledTimes(1);
  end();
  page.becomes(false);
  await passes(10 * EVERY);
  expect(act).toHaveBeenCalledTimes(1);
});

test("a slow act runs less often and never twice at once", async () => {
  const page = new FakePage();
  const act = vi.fn(() => new Promise((done) => setTimeout(done, 2000)));
  const end = refresh(act, EVERY, page);
  await passes(1000);
  page.becomes(true);
  page.becomes(false);
  expect(act).toHaveBeenCalledTimes(1);
  await passes(1000 + 39_999);
  expect(act).toHaveBeenCalledTimes(1);
  await passes(1);
  expect(act).toHaveBeenCalledTimes(2);
  end();
});

test("the act goes on after an error", async () => {
  const act = vi.fn(async () => {});
  act.mockImplementationOnce(async () => {
    throw new Error("the network");
  });
  const end = refresh(() => act().catch(() => {}), EVERY, new FakePage());
  await passes(EVERY);
  expect(act).toHaveBeenCalledTimes(2);
  end();
});
