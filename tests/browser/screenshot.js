/** Screenshots of pages, for inspection after the tests. */
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const ARTEFACTS = fileURLToPath(new URL("../artefacts/", import.meta.url));

/**
 * @param {import("playwright-core").Page} page
 * @param {string} name of the file, without its extension
 */
export async function screenshot(page, name) {
  await mkdir(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: `${ARTEFACTS}${name}.png`, fullPage: true, animations: "disabled" });
}
