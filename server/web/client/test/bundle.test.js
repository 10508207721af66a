/** What a bundler includes: an application that uses a part of the package ships only that part. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const application = `${root}application.js`;

/**
 * @param {string} code of an application
 * @returns {Promise<string[][]>} for each chunk, the entry first, the modules that contribute code
 *   to it
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

const includesLibrary = (modules, library) => modules.some((id) => id.includes(`/node_modules/${library}/`));

test("importing a storage bundles nothing else", async () => {
  const chunks = await bundle('import { MemoryStorage } from "./index.js"; console.log(new MemoryStorage());');
  const own = chunks.flat().filter((id) => id.startsWith(root) && id !== application);
  assert.deepEqual(own, [`${root}src/storage.js`]);
});

test("each curve that WebCrypto may lack is a separate chunk", async () => {
  const [entry, ...others] = await bundle('import { Vestibule } from "./index.js"; console.log(Vestibule.connect);');
  assert.ok(includesLibrary(entry, "phoenix") && includesLibrary(entry, "@hpke/core"));
  assert.ok(!includesLibrary(entry, "@noble/curves"));
  const chunksOf = (module) => others.filter((modules) => modules.includes(`${root}src/${module}.js`));
  const [[ed25519], [secp256k1]] = ["noble-ed25519", "secp256k1"].map(chunksOf);
  assert.notEqual(ed25519, secp256k1);
  // Code that both share may be a further chunk; neither includes the other's curve.
  const includesCurve = (modules, curve) => modules.some((id) => id.endsWith(`/@noble/curves/${curve}.js`));
  assert.deepEqual(["ed25519", "secp256k1"].map((curve) => includesCurve(ed25519, curve)), [true, false]);
  assert.deepEqual(["ed25519", "secp256k1"].map((curve) => includesCurve(secp256k1, curve)), [false, true]);
});
