import assert from "node:assert/strict";
import { test } from "vitest";
import { SIGN_ALGS, SigningKey, verify } from "../src/keys.js";

const bytes = new TextEncoder().encode("any");

for (const alg of SIGN_ALGS) {
  test(`${alg}: signatures verify, also after a restart`, async () => {
    const [key, other] = await Promise.all([SigningKey.generate(alg), SigningKey.generate(alg)]);
    const again = await SigningKey.fromStored(JSON.parse(JSON.stringify(key.toStored())));
    assert.ok(again.equals(key) && !other.equals(key));
    const sig = await again.sign(bytes);
    assert.ok(sig instanceof Uint8Array && sig.length === 64);
    assert.ok(await verify(alg, key.pub, bytes, sig));
    assert.equal(await verify(alg, other.pub, bytes, sig), false);
    assert.equal(await verify(alg, key.pub, bytes.subarray(1), sig), false);
  });

  test(`${alg}: bytes that are not a private key are refused`, async () => {
    const impossible = alg === "ed25519" ? [] : [new Uint8Array(32), new Uint8Array(32).fill(255)];
    for (const secret of [...impossible, new Uint8Array(31), new Uint8Array(33)]) {
      await assert.rejects(SigningKey.fromPrivate(alg, secret));
    }
  });
}

test("an unknown algorithm is refused", async () => {
  for (const alg of ["rsa", "toString", null]) await assert.rejects(SigningKey.generate(alg), TypeError);
});
