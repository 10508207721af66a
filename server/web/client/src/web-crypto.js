/**
 * The signing algorithms that WebCrypto supports.
 */
import { bufferSource, concat, fromBase64url } from "./bytes.js";

const hex = (text) => Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));

/**
 * @param {object} options
 * @param {any} options.key the key's algorithm in WebCrypto
 * @param {EcdsaParams | AlgorithmIdentifier} options.sign the signature's algorithm in WebCrypto
 * @param {number} options.pubLength
 * @param {Uint8Array} options.pkcs8 the bytes before the 32 private bytes in a PKCS #8 key without
 *   its public half. Importing such a key and exporting a JWK makes the platform derive the public
 *   half, and refuse a scalar out of range.
 * @param {(jwk: any) => Uint8Array} options.pubOfJwk
 * @returns {import("./keys.js").Scheme}
 */
function scheme({ key, sign, pubLength, pkcs8, pubOfJwk }) {
  return {
    pubLength,
    async generate() {
      const { privateKey } = await crypto.subtle.generateKey(key, true, ["sign", "verify"]);
      const { d } = await crypto.subtle.exportKey("jwk", privateKey);
      return fromBase64url(/** @type {string} */ (d));
    },
    async fromPrivate(privateBytes) {
      const encoded = bufferSource(concat(pkcs8, privateBytes));
      const privateKey = await crypto.subtle.importKey("pkcs8", encoded, key, true, ["sign"]);
      const pub = pubOfJwk(await crypto.subtle.exportKey("jwk", privateKey));
      const signBytes = async (bytes) => {
        return new Uint8Array(await crypto.subtle.sign(sign, privateKey, bufferSource(bytes)));
      };
      return { pub, sign: signBytes };
    },
    async verify(pub, bytes, sig) {
      const verifier = await crypto.subtle.importKey("raw", bufferSource(pub), key, false, ["verify"]);
      return crypto.subtle.verify(sign, verifier, bufferSource(sig), bufferSource(bytes));
    },
  };
}

export const p256 = scheme({
  key: { name: "ECDSA", namedCurve: "P-256" },
  sign: { name: "ECDSA", hash: "SHA-256" },
  pubLength: 65,
  pkcs8: hex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"),
  pubOfJwk: ({ x, y }) => concat(Uint8Array.of(4), fromBase64url(x), fromBase64url(y)),
});

export const ed25519 = scheme({
  key: { name: "Ed25519" },
  sign: { name: "Ed25519" },
  pubLength: 32,
  pkcs8: hex("302e020100300506032b657004220420"),
  pubOfJwk: ({ x }) => fromBase64url(x),
});

/** @type {Promise<boolean> | undefined} */
let ed25519IsSupported;

/**
 * @returns {Promise<boolean>} whether this platform's WebCrypto has Ed25519, which not all
 *   platforms support yet
 */
export function hasEd25519() {
  ed25519IsSupported ??= ed25519.fromPrivate(new Uint8Array(32)).then(() => true, () => false);
  return ed25519IsSupported;
}
