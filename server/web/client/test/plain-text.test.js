import assert from "node:assert/strict";
import { test } from "vitest";
import { isPlainText } from "../src/plain-text.js";

const accepted = {
  "an empty text": "",
  "ASCII": "It is Bob!",
  "other scripts": "Γειά σου, 花園, नमस्ते, สวัสดี",
  "combining marks": "e\u0301",
  "right-to-left letters": "שלום",
  "an emoji with a variation selector": "❤\uFE0F",
  "an emoji of several joined characters": "👩\u200D👩\u200D👧",
  "a joiner after a variation selector": "❤\uFE0F\u200D🔥",
  "a Persian word with a non-joiner": "می\u200Cخواهم",
  "a no-break space": "a\u00A0b",
};

const refused = {
  "a line break": "It is\nBob",
  "a tab": "It is\tBob",
  "a null": "\0",
  "a delete": "\x7f",
  "a C1 control character": "\u0085",
  "a line separator": "a\u2028b",
  "a paragraph separator": "a\u2029b",
  "an override of the direction": "\u202Egnp.exe",
  "an isolate": "\u2066a\u2069",
  "a soft hyphen": "pay\u00ADpal",
  "a zero-width space": "花\u200B園",
  "a byte order mark": "\uFEFFBob",
  "a tag": "\u{E0041}",
  "a lone surrogate": "\uD83D",
  "a joiner between ASCII letters": "Bo\u200Db",
  "a joiner between one ASCII letter and another": "B\u200D花",
  "a joiner first": "\u200D花",
  "a joiner last": "花\u200D",
  "two joiners": "花\u200C\u200D園",
  "a joiner beside a format character": "花\u200D\u2060園",
};

for (const [texts, good] of [[accepted, true], [refused, false]]) {
  for (const [about, text] of Object.entries(texts)) {
    test(`${about} is ${good ? "accepted" : "refused"}`, () => assert.equal(isPlainText(text), good));
  }
}
