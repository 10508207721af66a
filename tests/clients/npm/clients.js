/**
 * Every client with Phoenix's API, by its name in tests. Versions before 1.8 look for `self` while
 * loading, see `browser.js`.
 */
async function load(name) {
  const module = await import(name);
  return module.default ?? module;
}

/** @type {Record<string, any>} clients that speak V2 */
export const V2 = {
  "phoenix 1.4.18": await load("phoenix-1.4"),
  "phoenix 1.5.14": await load("phoenix-1.5"),
  "phoenix 1.6.16": await load("phoenix-1.6"),
  "phoenix 1.7.23": await load("phoenix-1.7"),
  "phoenix 1.8.16": await load("phoenix-1.8"),
  "@supabase/phoenix 0.4.5": await load("@supabase/phoenix"),
};

/** @type {Record<string, any>} clients that speak V1 */
export const V1 = {
  "phoenix-channels 1.0.0": await load("phoenix-channels"),
  "phoenix-socket 1.2.3": await load("phoenix-socket"),
};

/** Clients that support only JSON. */
export const WITHOUT_BINARY = ["phoenix 1.4.18", "phoenix 1.5.14", ...Object.keys(V1)];
