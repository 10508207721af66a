/**
 * The box: a newcomer's key pair, to which a room key is sealed with HPKE (RFC 9180), base mode.
 *
 * `info` binds a sealed key to one request, so that an approve replayed elsewhere cannot be opened.
 */
import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import { concat, fieldList, fromBase64url, toBase64url, utf8 } from "./bytes.js";
import { boxOf } from "./ids.js";

/** The suite's name: a request's `box_alg` and an approve's `alg`. */
export const BOX_ALG = "hpke-p256-sha256-aes128gcm";

/** Length of the encapsulated key, which precedes the ciphertext. */
const ENC_LENGTH = 65;

const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });

/**
 * @typedef {object} SealContext
 * @property {string} rid
 * @property {string} request_id
 * @property {string} to the newcomer's uid
 */

/**
 * @param {SealContext} context
 * @returns {Uint8Array}
 */
function infoOf({ rid, request_id, to }) {
  return fieldList(utf8("vestibule/1/seal"), fromBase64url(rid), fromBase64url(request_id), fromBase64url(to));
}

/**
 * @param {Uint8Array} boxPub
 * @param {SealContext} context
 * @param {Uint8Array} plaintext
 * @returns {Promise<Uint8Array>} `ct`
 */
export async function seal(boxPub, context, plaintext) {
  const recipientPublicKey = await suite.kem.deserializePublicKey(boxPub);
  const sender = await suite.createSenderContext({ recipientPublicKey, info: infoOf(context) });
  const ciphertext = await sender.seal(plaintext);
  return concat(new Uint8Array(sender.enc), new Uint8Array(ciphertext));
}

/** The box of a newcomer. */
export class BoxKey {
  #private;
  #pair;

  /** @private Use {@link BoxKey.generate} or {@link BoxKey.fromStored}. */
  constructor(privateBytes, pub, pair, id) {
    /** @type {Uint8Array} */
    this.pub = pub;
    /** @type {string} the box's id */
    this.id = id;
    this.#private = privateBytes;
    this.#pair = pair;
  }

  /**
   * @returns {Uint8Array} 32 bytes; not a field, so that logging the box shows only its public half
   */
  get private() {
    return this.#private;
  }

  /** @returns {Promise<BoxKey>} */
  static async generate() {
    const pair = await suite.kem.generateKeyPair();
    const privateBytes = new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey));
    const pub = new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey));
    return new BoxKey(privateBytes, pub, pair, await boxOf(BOX_ALG, pub));
  }

  /**
   * @param {{private: string, pub: string}} stored
   * @returns {Promise<BoxKey>}
   */
  static async fromStored(stored) {
    const privateBytes = fromBase64url(stored.private);
    const pub = fromBase64url(stored.pub);
    const pair = {
      privateKey: await suite.kem.deserializePrivateKey(privateBytes),
      publicKey: await suite.kem.deserializePublicKey(pub),
    };
    return new BoxKey(privateBytes, pub, pair, await boxOf(BOX_ALG, pub));
  }

  /** @returns {{private: string, pub: string}} for a storage; secret */
  toStored() {
    return { private: toBase64url(this.private), pub: toBase64url(this.pub) };
  }

  /**
   * @param {Uint8Array} ct
   * @param {SealContext} context
   * @returns {Promise<Uint8Array>} the plaintext; throws if the box, the context or any byte
   *   differs
   */
  async open(ct, context) {
    const recipient = await suite.createRecipientContext({
      recipientKey: this.#pair,
      enc: ct.subarray(0, ENC_LENGTH),
      info: infoOf(context),
    });
    return new Uint8Array(await recipient.open(ct.subarray(ENC_LENGTH)));
  }
}
