/**
 * The older clients over long poll, which use XMLHttpRequest. phoenix-socket is left out: it
 * expects unencoded messages, as Phoenix sent them before 1.4.
 */
import "./browser.js";
import { conforms } from "./conformance.js";

const { V2 } = await import("./clients.js");

for (const name of ["phoenix 1.4.18", "phoenix 1.5.14", "phoenix 1.6.16", "phoenix 1.7.23"]) {
  const exports = V2[name];
  conforms(`${name} over long poll`, { exports, options: { transport: exports.LongPoll }, heartbeats: false });
}
