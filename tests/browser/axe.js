/** Accessibility violations that axe-core finds in a page. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * @param {import("playwright-core").Page} page of a context with `bypassCSP`, because the page's
 *   policy allows no foreign script
 * @returns {Promise<string[]>} each with the affected elements
 */
export async function violations(page) {
  const { violations: found } = await page.evaluate(async (axe) => {
    if (!globalThis.axe) (0, eval)(axe);
    return globalThis.axe.run();
  }, AXE);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
