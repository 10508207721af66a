import { expect, test } from "vitest";
import { bytes, count, duration } from "../src/figures.js";
import { quantile, rate, total } from "../src/series.js";

const sample = (at, series) => ({ at, series });

test("total sums over labels that are not given", () => {
  const now = sample(0, { 'c{kind="a",code="1"}': 2, 'c{kind="b",code="1"}': 3, "cd": 100, "c_total": 7 });
  expect(total(now, "c")).toBe(5);
  expect(total(now, "c", { kind: "b" })).toBe(3);
  expect(total(now, "c", { kind: "z" })).toBe(0);
});

test("rate is per second and null after a restart", () => {
  expect(rate(sample(1000, { c: 10 }), sample(3000, { c: 30 }), "c")).toBe(10);
  expect(rate(sample(1000, { c: 10 }), sample(2000, { c: 0 }), "c")).toBeNull();
});

test("quantile covers the observations between two samples", () => {
  const buckets = (...counts) => {
    const bounds = ["0.1", "0.2", "0.4", "+Inf"];
    return Object.fromEntries(counts.map((value, index) => [`h_bucket{le="${bounds[index]}"}`, value]));
  };
  const before = sample(0, buckets(100, 100, 100, 100));
  expect(quantile(before, sample(1, buckets(100, 110, 110, 110)), "h", 0.5)).toBeCloseTo(0.15);
  expect(quantile(before, sample(1, buckets(110, 110, 120, 120)), "h", 0.5)).toBeCloseTo(0.1);
  expect(quantile(before, sample(1, buckets(100, 100, 100, 101)), "h", 0.99)).toBe(0.4);
  expect(quantile(before, before, "h", 0.5)).toBeNull();
});

test("figures are formatted briefly", () => {
  expect([0, 12, 12.345, 9999, 12_345, 2_000_000].map(count)).toEqual(["0", "12", "12.3", "10k", "12.3k", "2M"]);
  expect([0, 0.0032, 0.5, 12, 600, 90_000].map(duration)).toEqual(["0 s", "3.2 ms", "500 ms", "12 s", "10 min", "25 h"]);
  expect([0, 5 * 2 ** 20, 40 * 2 ** 30].map(bytes)).toEqual(["0 MiB", "5 MiB", "40 GiB"]);
});
