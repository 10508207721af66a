/** Measures what makes a page unusable on a phone, so that nobody needs to inspect screenshots. */
import { readFile } from "node:fs/promises";

const SCRIPT = await readFile(new URL("phone_page.js", import.meta.url), "utf8");

/** The screens of a small and of a common phone. */
export const PHONES = { "a small phone": { width: 360, height: 640 }, "a phone": { width: 390, height: 844 } };

/** The options of a context that emulates a phone. */
export const asPhone = (viewport) => ({ viewport, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });

/**
 * @param {import("playwright-core").Page} page of a context with `bypassCSP`, because the page's
 *   policy allows no foreign script
 * @returns {Promise<string[]>} elements that stick out of the page, are too small for a finger, or
 *   overlap others
 */
export function obstacles(page) {
  return page.evaluate((script) => {
    (0, eval)(script);
    return globalThis.obstacles();
  }, SCRIPT);
}
