/** Every wait for a key is settled in the end. */
import assert from "node:assert/strict";
import { test, vi } from "vitest";
import { VestibuleError } from "../src/errors.js";
import { stopTime } from "./fake-time.js";
import { approveOf, begin, never, options, room } from "./newcomer-support.js";
import { HOUR_MS, until } from "./support.js";

test("a wait without a request is rejected at once", async () => {
  const { queue, newcomer } = begin();
  await assert.rejects(newcomer.whenKey(), { reason: "not_asked" });
  await newcomer.ask(queue, options);
  await newcomer.withdraw(queue);
  await assert.rejects(newcomer.whenKey(), { reason: "not_asked" });
});

test("a wait may start just before the request", async () => {
  const { queue, newcomer } = begin();
  const waiting = newcomer.whenKey();
  await newcomer.ask(queue, options);
  await newcomer.receive(await approveOf(queue), async () => {}, never.nack);
  assert.ok((await waiting).equals(room.key));

  for (const reason of ["too_large", "unknown_room", "bad_argument"]) {
    const refused = begin({ answers: { request: new VestibuleError(reason) } });
    const waits = refused.newcomer.whenKey();
    waits.catch(() => {});
    if (reason === "bad_argument") refused.storage.set = () => { throw new VestibuleError(reason); };
    await assert.rejects(refused.newcomer.ask(refused.queue, options), { reason });
    await assert.rejects(waits, { reason });
  }
});

test("a request of an earlier run can be waited for", async () => {
  const before = begin();
  await before.newcomer.ask(before.queue, options);
  const after = begin({ storage: before.storage });
  const waiting = after.newcomer.whenKey();
  await after.newcomer.receive(await approveOf(before.queue), async () => {}, never.nack);
  assert.ok((await waiting).equals(room.key));
});

test("a wait ends when the request expires", async () => {
  stopTime();
  const { queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const waiting = newcomer.whenKey();
  waiting.catch(() => {});
  await until(() => vi.getTimerCount() === 1);
  vi.advanceTimersByTime(HOUR_MS);
  await assert.rejects(waiting, { reason: "expired" });
});

test("disconnecting rejects every wait", async () => {
  const { queue, newcomer } = begin();
  await newcomer.ask(queue, options);
  const waiting = newcomer.whenKey();
  newcomer.end(new VestibuleError("disconnected"));
  await assert.rejects(waiting, { reason: "disconnected" });
  await assert.rejects(newcomer.whenKey(), { reason: "disconnected" });
});
