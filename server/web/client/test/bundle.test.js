/** What a bundler makes of the package: who uses a part of it ships that part. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const application = `${root}application.js`;

/**
 * @param {string} code of an application
 * @returns {Promise<string[][]>} of each chunk, the entry first, the modules of which anything is left in it
 */
async function bundle(code) {
  const plugin = {
    name: "application",
    resolveId: (id) => (id === application ? id : null),
    load: (id) => (id === application ? code : null),
  };
  const rolldownOptions = { input: application };
  const options = { root, configFile: false, logLevel: "warn", plugins: [plugin] };
  const { output } = await build({ ...options, build: { write: false, rolldownOptions } });
  return output
    .toSorted((one, other) => other.isEntry - one.isEntry)
    .map(({ modules }) => Object.keys(modules).filter((id) => modules[id].renderedLength > 0));
}

const holds = (modules, library) => modules.some((id) => id.includes(`/node_modules/${library}/`));

test("who takes a storage takes nothing else: no HPKE, no phoenix.js, no curve", async () => {
  const chunks = await bundle('import { MemoryStorage } from "./index.js"; console.log(new MemoryStorage());');
  const own = chunks.flat().filter((id) => id.startsWith(root) && id !== application);
  assert.deepEqual(own, [`${root}src/storage.js`]);
});

test("secp256k1 is in a chunk of its own, which is loaded by who meets such a key", async () => {
  const [entry, ...others] = await bundle('import { Vestibule } from "./index.js"; console.log(Vestibule.connect);');
  assert.ok(holds(entry, "phoenix") && holds(entry, "@hpke/core"));
  assert.ok(!holds(entry, "@noble/curves"));
  const lazy = others.filter((modules) => holds(modules, "@noble/curves"));
  assert.equal(lazy.length, 1);
  assert.ok(lazy[0].includes(`${root}src/secp256k1.js`));
});
