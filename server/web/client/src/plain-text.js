/**
 * Room names and notes are shown to people who decide by them. Invisible characters, or characters
 * that change how others are displayed, would let one text pass for another.
 */

/** Control and format characters, line and paragraph separators, and lone surrogates. */
const HIDDEN = "\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}";

const ANY_HIDDEN = new RegExp(`[${HIDDEN}]`, "u");

/** A joiner between two characters outside ASCII, which Persian, Indic scripts and emoji need. */
const JOINED = new RegExp(`([^\\0-\\x7f${HIDDEN}])[\\u200c\\u200d](?=[^\\0-\\x7f${HIDDEN}])`, "gu");

/**
 * @param {string} text
 * @returns {boolean} whether it is displayed completely and as it is
 */
export function isPlainText(text) {
  return !ANY_HIDDEN.test(text.replace(JOINED, "$1"));
}
