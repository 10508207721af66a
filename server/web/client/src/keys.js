/**
 * Signing keys of users and rooms.
 */
import { fromBase64url, toBase64url } from "./bytes.js";
import { isOfSmallOrder } from "./small-order.js";
import { ed25519, hasEd25519, p256 } from "./web-crypto.js";

/** @typedef {"p256" | "ed25519" | "secp256k1"} SignAlg */

/** @typedef {(bytes: Uint8Array) => Promise<Uint8Array>} Sign resolves to 64 bytes */

/**
 * The functions of an algorithm. They throw if a key is not one of the algorithm's.
 *
 * @typedef {object} Scheme
 * @property {number} pubLength
 * @property {() => Promise<Uint8Array>} generate 32 private bytes
 * @property {(privateBytes: Uint8Array) => Promise<{pub: Uint8Array, sign: Sign}>} fromPrivate
 *   derives the public key
 * @property {(pub: Uint8Array, bytes: Uint8Array, sig: Uint8Array) => Promise<boolean>} verify
 */

/**
 * Algorithms that WebCrypto lacks come from libraries, which are loaded only when such a key is
 * used.
 */
const SCHEMES = {
  p256: () => p256,
  ed25519: async () => ((await hasEd25519()) ? ed25519 : (await import("./noble-ed25519.js")).ed25519),
  secp256k1: async () => (await import("./secp256k1.js")).secp256k1,
};

export const SIGN_ALGS = /** @type {SignAlg[]} */ (Object.keys(SCHEMES));

/**
 * The default algorithm of new keys: Ed25519 if the platform supports it. With ECDSA, a flawed
 * client that signs twice with one nonce gives the private key away (docs/decisions/0011).
 *
 * @returns {Promise<SignAlg>}
 */
export async function preferredAlg() {
  return (await hasEd25519()) ? "ed25519" : "p256";
}

/**
 * @param {string} alg
 * @returns {Promise<Scheme>}
 */
async function schemeOf(alg) {
  if (!Object.hasOwn(SCHEMES, alg)) throw new TypeError("unknown signing algorithm");
  return SCHEMES[alg]();
}

/** A private key with its public half. */
export class SigningKey {
  #private;
  #sign;

  /**
   * Use {@link SigningKey.generate} or {@link SigningKey.fromPrivate}, which make sure that the two
   * halves match.
   *
   * @private
   */
  constructor(alg, privateBytes, pub, sign) {
    /** @type {SignAlg} */
    this.alg = alg;
    /** @type {Uint8Array} the public key as the protocol encodes it */
    this.pub = pub;
    this.#private = privateBytes;
    this.#sign = sign;
  }

  /**
   * @returns {Uint8Array} 32 bytes; not a field, so that logging the key shows only its public half
   */
  get private() {
    return this.#private;
  }

  /**
   * @param {SignAlg} [alg] default: {@link preferredAlg}
   * @returns {Promise<SigningKey>}
   */
  static async generate(alg) {
    const chosen = alg === undefined ? await preferredAlg() : alg;
    return SigningKey.fromPrivate(chosen, await (await schemeOf(chosen)).generate());
  }

  /**
   * @param {SignAlg} alg
   * @param {Uint8Array} privateBytes 32 bytes: the Ed25519 seed or the scalar, big-endian
   * @returns {Promise<SigningKey>}
   */
  static async fromPrivate(alg, privateBytes) {
    if (privateBytes.length !== 32) throw new TypeError("a private key has 32 bytes");
    const scheme = await schemeOf(alg);
    const { pub, sign } = await scheme.fromPrivate(privateBytes);
    return new SigningKey(alg, Uint8Array.from(privateBytes), pub, sign);
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {Promise<Uint8Array>} 64 bytes
   */
  sign(bytes) {
    return this.#sign(bytes);
  }

  /** @returns {{alg: SignAlg, private: string}} for a storage; secret */
  toStored() {
    return { alg: this.alg, private: toBase64url(this.private) };
  }

  /**
   * @param {{alg: SignAlg, private: string}} stored
   * @returns {Promise<SigningKey>}
   */
  static fromStored(stored) {
    return SigningKey.fromPrivate(stored.alg, fromBase64url(stored.private));
  }

  /**
   * @param {SigningKey} other
   * @returns {boolean} whether both have the same public key
   */
  equals(other) {
    return this.alg === other.alg && toBase64url(this.pub) === toBase64url(other.pub);
  }
}

/**
 * @param {string} alg
 * @param {Uint8Array} pub
 * @param {Uint8Array} bytes
 * @param {Uint8Array} sig
 * @returns {Promise<boolean>} also false for an invalid key or algorithm, and for a key of small
 *   order
 */
export async function verify(alg, pub, bytes, sig) {
  try {
    const scheme = await schemeOf(alg);
    if (pub.length !== scheme.pubLength || sig.length !== 64) return false;
    if (alg === "ed25519" && isOfSmallOrder(pub)) return false;
    return await scheme.verify(pub, bytes, sig);
  } catch {
    return false;
  }
}
