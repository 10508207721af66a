/**
 * Signing keys, of users and of rooms, on WebCrypto alone.
 */
import { concat, fromBase64url, toBase64url } from "./bytes.js";

/** @typedef {"p256" | "ed25519"} SignAlg */

/** New keys are of this algorithm where nothing else is asked for: every browser has it. */
export const DEFAULT_ALG = "p256";

const hex = (text) => Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));

/**
 * `pkcs8` is what stands before the 32 private bytes in a PKCS #8 key without its public half. Importing that and
 * exporting a JWK makes the platform derive the public half, and refuse a scalar that is out of range.
 */
const ALGORITHMS = {
  p256: {
    key: { name: "ECDSA", namedCurve: "P-256" },
    sign: { name: "ECDSA", hash: "SHA-256" },
    pubLength: 65,
    pkcs8: hex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"),
    pubOfJwk: ({ x, y }) => concat(Uint8Array.of(4), fromBase64url(x), fromBase64url(y)),
  },
  ed25519: {
    key: { name: "Ed25519" },
    sign: { name: "Ed25519" },
    pubLength: 32,
    pkcs8: hex("302e020100300506032b657004220420"),
    pubOfJwk: ({ x }) => fromBase64url(x),
  },
};

export const SIGN_ALGS = /** @type {SignAlg[]} */ (Object.keys(ALGORITHMS));

/**
 * @param {string} alg
 * @returns {typeof ALGORITHMS.p256}
 */
function algorithm(alg) {
  if (!Object.hasOwn(ALGORITHMS, alg)) throw new TypeError("unknown signing algorithm");
  return ALGORITHMS[alg];
}

/** A private key with its public half. */
export class SigningKey {
  #private;
  #key;

  /** Use {@link SigningKey.generate} or {@link SigningKey.fromPrivate}: they see to it that the halves match. */
  constructor(alg, privateBytes, pub, key) {
    /** @type {SignAlg} */
    this.alg = alg;
    /** @type {Uint8Array} the public key as the protocol writes it */
    this.pub = pub;
    this.#private = privateBytes;
    this.#key = key;
  }

  /** @returns {Uint8Array} 32 bytes; not a field, so that a key logged by accident shows its public half only */
  get private() {
    return this.#private;
  }

  /**
   * @param {SignAlg} [alg]
   * @returns {Promise<SigningKey>}
   */
  static async generate(alg = DEFAULT_ALG) {
    const { privateKey } = await crypto.subtle.generateKey(algorithm(alg).key, true, ["sign", "verify"]);
    const jwk = await crypto.subtle.exportKey("jwk", privateKey);
    return SigningKey.fromPrivate(alg, fromBase64url(jwk.d));
  }

  /**
   * @param {SignAlg} alg
   * @param {Uint8Array} privateBytes 32 bytes: the Ed25519 seed or the P-256 scalar, big-endian
   * @returns {Promise<SigningKey>}
   */
  static async fromPrivate(alg, privateBytes) {
    const { key, pkcs8, pubOfJwk } = algorithm(alg);
    if (privateBytes.length !== 32) throw new TypeError("a private key has 32 bytes");
    const derived = await crypto.subtle.importKey("pkcs8", concat(pkcs8, privateBytes), key, true, ["sign"]);
    const jwk = await crypto.subtle.exportKey("jwk", derived);
    return new SigningKey(alg, Uint8Array.from(privateBytes), pubOfJwk(jwk), derived);
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {Promise<Uint8Array>} 64 bytes
   */
  async sign(bytes) {
    return new Uint8Array(await crypto.subtle.sign(algorithm(this.alg).sign, this.#key, bytes));
  }

  /** @returns {{alg: SignAlg, private: string}} what a storage keeps; secret */
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
   * @returns {boolean} whether both are the same key
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
 * @returns {Promise<boolean>} false too for a key or algorithm that is none
 */
export async function verify(alg, pub, bytes, sig) {
  try {
    const { key, sign, pubLength } = algorithm(alg);
    if (pub.length !== pubLength || sig.length !== 64) return false;
    const verifier = await crypto.subtle.importKey("raw", pub, key, false, ["verify"]);
    return await crypto.subtle.verify(sign, verifier, sig, bytes);
  } catch {
    return false;
  }
}
