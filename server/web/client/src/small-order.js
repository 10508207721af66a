/**
 * Ed25519 public keys that belong to nobody: for points of small order, anybody can make a
 * signature that is valid for many texts, or for all, without a private key. Libraries differ in
 * whether they accept such keys.
 */
import { toBase64url } from "./bytes.js";

/**
 * The y-coordinates of the eight points. Two of them (0 and 1) also have a non-canonical encoding.
 * A point and its mirror image differ in the sign of x, which is the top bit and ignored.
 */
const Y = new Set([
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", // 0, of order 4
  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", // 1, of order 1
  "7P_______________________________________38", // -1, of order 2
  "7f_______________________________________38", // 0, non-canonical
  "7v_______________________________________38", // 1, non-canonical
  "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o", // of order 8
  "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", // of order 8
]);

/**
 * @param {Uint8Array} pub an Ed25519 public key
 * @returns {boolean}
 */
export function isOfSmallOrder(pub) {
  const y = Uint8Array.from(pub);
  y[31] &= 0x7f;
  return Y.has(toBase64url(y));
}
