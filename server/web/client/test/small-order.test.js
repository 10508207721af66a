import assert from "node:assert/strict";
import { ED25519_TORSION_SUBGROUP, ed25519 } from "@noble/curves/ed25519.js";
import { test } from "vitest";
import { SigningKey, verify } from "../src/keys.js";
import { isOfSmallOrder } from "../src/small-order.js";

const bytes = new TextEncoder().encode("any");
const flipped = (point) => point.map((byte, index) => (index === 31 ? byte ^ 0x80 : byte));

/** Every encoding that the library reads as a point of small order, canonical or not. */
function encodings() {
  const field = ed25519.Point.Fp.ORDER;
  const found = new Map();
  for (const hex of ED25519_TORSION_SUBGROUP) {
    const { y } = ed25519.Point.fromHex(hex).toAffine();
    for (let number = y; number < 2n ** 255n; number += field) {
      const digits = number.toString(16).padStart(64, "0");
      const point = Uint8Array.from(digits.match(/../g), (pair) => Number.parseInt(pair, 16)).reverse();
      for (const each of [point, flipped(point)]) found.set(each.join(), each);
    }
  }
  return [...found.values()];
}

test("every encoding of a point of small order is recognised", () => {
  const all = encodings();
  assert.equal(all.length, 14, "seven y-coordinates, with either sign");
  assert.ok(all.every(isOfSmallOrder));
});

test("generated keys are not of small order", async () => {
  for (let tries = 0; tries < 20; tries += 1) {
    assert.equal(isOfSmallOrder((await SigningKey.generate("ed25519")).pub), false);
  }
});

test("no signature is valid under a key of small order", async () => {
  // Under the identity point this one is valid for any text, and OpenSSL accepts it.
  const identity = new Uint8Array(32);
  identity[0] = 1;
  const forged = new Uint8Array(64);
  forged[0] = 1;
  const theirs = await crypto.subtle.importKey("raw", identity, { name: "Ed25519" }, false, ["verify"]);
  assert.equal(await crypto.subtle.verify("Ed25519", theirs, forged, bytes), true);
  for (const pub of encodings()) assert.equal(await verify("ed25519", pub, bytes, forged), false);
});
