/**
 * Names of rooms and notes are shown to people who decide by them. Characters that are not seen, or that change how the
 * others are seen, would let one text pass for another.
 */

/** Control and format characters, line and paragraph separators, and halves of a character. */
const HIDDEN = "\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}";

const ANY_HIDDEN = new RegExp(`[${HIDDEN}]`, "u");

/** A joiner between two characters beyond ASCII, as Persian, Indic scripts and emoji need it. */
const JOINED = new RegExp(`([^\\0-\\x7f${HIDDEN}])[\\u200c\\u200d](?=[^\\0-\\x7f${HIDDEN}])`, "gu");

/**
 * @param {string} text
 * @returns {boolean} whether a person sees all of it, as it is
 */
export function isPlainText(text) {
  return !ANY_HIDDEN.test(text.replace(JOINED, "$1"));
}
