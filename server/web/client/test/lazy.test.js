import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";
import { SigningKey, verify } from "../src/keys.js";

const bytes = new TextEncoder().encode("any");

/** From here on the library of secp256k1 cannot be found. */
function hideNoble() {
  const resolve = `export async function resolve(name, context, next) {
    if (name.startsWith("@noble/")) throw new Error(name + " is not here");
    return next(name, context);
  }`;
  register(`data:text/javascript,${encodeURIComponent(resolve)}`);
}

test("who meets no secp256k1 key needs no library for it", async () => {
  hideNoble();
  for (const alg of ["p256", "ed25519"]) {
    const key = await SigningKey.generate(alg);
    assert.ok(await verify(alg, key.pub, bytes, await key.sign(bytes)));
  }
  await assert.rejects(SigningKey.generate("secp256k1"), /@noble\/curves\/secp256k1.js is not here/);
  assert.equal(await verify("secp256k1", new Uint8Array(65), bytes, new Uint8Array(64)), false);
});
