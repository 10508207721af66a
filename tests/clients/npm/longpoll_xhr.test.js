/**
 * The clients from before fetch, over long poll. Without phoenix-socket: it expects messages that are not encoded, as
 * Phoenix sent them before 1.4.
 */
import "./browser.js";
import { course } from "./course.js";

const { V2 } = await import("./clients.js");

for (const name of ["phoenix 1.4.18", "phoenix 1.5.14", "phoenix 1.6.16", "phoenix 1.7.23"]) {
  const exports = V2[name];
  course(`${name} over long poll`, { exports, options: { transport: exports.LongPoll }, heartbeats: false });
}
