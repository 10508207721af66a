/**
 * ECDSA on secp256k1, which WebCrypto lacks. `keys.js` loads it when such a key is used.
 */
import { secp256k1 as curve } from "@noble/curves/secp256k1.js";

/**
 * Accepts either s, as WebCrypto does on P-256: no id is derived from a signature, so nothing
 * depends on which of the two it is.
 */
const EITHER_S = { lowS: false };

/** @type {import("./keys.js").Scheme} */
export const secp256k1 = {
  pubLength: 65,
  async generate() {
    return curve.utils.randomSecretKey();
  },
  async fromPrivate(privateBytes) {
    const secret = Uint8Array.from(privateBytes);
    return { pub: curve.getPublicKey(secret, false), sign: async (bytes) => curve.sign(bytes, secret) };
  },
  async verify(pub, bytes, sig) {
    return curve.verify(sig, bytes, pub, EITHER_S);
  },
};
