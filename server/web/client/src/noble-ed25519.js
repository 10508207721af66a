/**
 * Ed25519 for platforms whose WebCrypto has not got it. Loaded by those that meet such a key, see `keys.js`.
 */
import { ed25519 as curve } from "@noble/curves/ed25519.js";

/** As RFC 8032 says, where the library would take what a blockchain's rules do. */
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
