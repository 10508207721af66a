/**
 * Ed25519 public keys that are nobody's: points of small order, for which a signature can be made that is good for many
 * texts, or all, without a private key. Libraries differ in whether they take them.
 */
import { toBase64url } from "./bytes.js";

/**
 * The y-coordinates of the eight points, with the two that may also be written as a number above the field's (0 and 1).
 * A point and its mirror image differ in the sign of x, which is the top bit and not looked at.
 */
const Y = new Set([
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", // 0, of order 4
  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", // 1, of order 1
  "7P_______________________________________38", // -1, of order 2
  "7f_______________________________________38", // 0, not reduced
  "7v_______________________________________38", // 1, not reduced
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
