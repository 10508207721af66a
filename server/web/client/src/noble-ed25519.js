/**
 * Ed25519 for platforms whose WebCrypto lacks it. `keys.js` loads it when such a key is used.
 */
import { ed25519 as curve } from "@noble/curves/ed25519.js";

/** Verify as RFC 8032 requires; the library's default follows the laxer ZIP 215. */
const STRICT = { zip215: false };

/** @type {import("./keys.js").Scheme} */
export const ed25519 = {
  pubLength: 32,
  async generate() {
    return curve.utils.randomSecretKey();
  },
  async fromPrivate(privateBytes) {
    const seed = Uint8Array.from(privateBytes);
    return { pub: curve.getPublicKey(seed), sign: async (bytes) => curve.sign(bytes, seed) };
  },
  async verify(pub, bytes, sig) {
    return curve.verify(sig, bytes, pub, STRICT);
  },
};
