import assert from "node:assert/strict";
import { test, vi } from "vitest";
import { SigningKey, verify } from "../src/keys.js";

const bytes = new TextEncoder().encode("any");

/** From here on the library of secp256k1 cannot be loaded. */
function hideNoble() {
  vi.doMock("@noble/curves/secp256k1.js", () => {
    throw new Error("it is not here");
  });
}

test("who meets no secp256k1 key needs no library for it", async () => {
  hideNoble();
  for (const alg of ["p256", "ed25519"]) {
    const key = await SigningKey.generate(alg);
    assert.ok(await verify(alg, key.pub, bytes, await key.sign(bytes)));
  }
  await assert.rejects(SigningKey.generate("secp256k1"), ({ cause }) => cause.message === "it is not here");
  assert.equal(await verify("secp256k1", new Uint8Array(65), bytes, new Uint8Array(64)), false);
});
