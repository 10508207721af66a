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

test("each curve that WebCrypto may lack is a chunk of its own", async () => {
  const [entry, ...others] = await bundle('import { Vestibule } from "./index.js"; console.log(Vestibule.connect);');
  assert.ok(holds(entry, "phoenix") && holds(entry, "@hpke/core"));
  assert.ok(!holds(entry, "@noble/curves"));
  const chunksOf = (module) => others.filter((modules) => modules.includes(`${root}src/${module}.js`));
  const [[ed25519], [secp256k1]] = ["noble-ed25519", "secp256k1"].map(chunksOf);
  assert.notEqual(ed25519, secp256k1);
  // What the two share may be a chunk as well; neither brings the other's curve.
  const brings = (modules, curve) => modules.some((id) => id.endsWith(`/@noble/curves/${curve}.js`));
  assert.deepEqual(["ed25519", "secp256k1"].map((curve) => brings(ed25519, curve)), [true, false]);
  assert.deepEqual(["ed25519", "secp256k1"].map((curve) => brings(secp256k1, curve)), [false, true]);
});
