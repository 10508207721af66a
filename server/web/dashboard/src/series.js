/**
 * Computes rates of counters and quantiles of histograms from samples.
 *
 * @typedef {{at: number, series: Record<string, number>}} Sample the values at one time, by their
 *   names at `/metrics`
 */

/**
 * @param {Sample} sample
 * @param {string} name
 * @param {Record<string, string>} [labels] to match; the function sums over all other labels
 * @returns {number}
 */
export function total({ series }, name, labels = {}) {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const [key, value] of Object.entries(series)) {
    const isIt = key === name || key.startsWith(`${name}{`);
    if (isIt && wanted.every((label) => key.includes(label))) sum += value;
  }
  return sum;
}

/**
 * @param {Sample} before
 * @param {Sample} now
 * @param {string} name of a counter
 * @param {Record<string, string>} [labels]
 * @returns {number | null} its growth per second; null if the server was restarted in between
 */
export function rate(before, now, name, labels) {
  const grown = total(now, name, labels) - total(before, name, labels);
  return grown < 0 ? null : grown / ((now.at - before.at) / 1000);
}

/**
 * @param {Sample} before
 * @param {Sample} now
 * @param {string} name of a histogram
 * @param {number} share such as 0.99
 * @returns {number | null} the quantile of the observations between the two samples, interpolated
 *   linearly within its bucket as Prometheus does; null if there were none
 */
export function quantile(before, now, name, share) {
  const buckets = bucketsOf(now, name).map(([bound, count]) => [bound, count - bucketAt(before, name, bound)]);
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  const wanted = share * all;
  let [low, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= wanted) return bound === Infinity ? low : low + ((bound - low) * (wanted - below)) / (count - below);
    [low, below] = [bound, count];
  }
  return low;
}

const BOUND = /le="([^"]+)"/;

function bucketsOf({ series }, name) {
  const buckets = [];
  for (const [key, value] of Object.entries(series)) {
    if (key.startsWith(`${name}_bucket{`)) buckets.push([boundOf(key), value]);
  }
  return buckets.sort(([one], [other]) => one - other);
}

function bucketAt({ series }, name, bound) {
  const key = Object.keys(series).find((it) => it.startsWith(`${name}_bucket{`) && boundOf(it) === bound);
  return key ? series[key] : 0;
}

function boundOf(key) {
  const [, text] = BOUND.exec(key);
  return text === "+Inf" ? Infinity : Number(text);
}
