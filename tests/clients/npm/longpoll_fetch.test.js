/** The clients that long poll by fetch. */
import { V2 } from "./clients.js";
import { course } from "./course.js";

for (const name of ["phoenix 1.8.16", "@supabase/phoenix 0.4.5"]) {
  const exports = V2[name];
  course(`${name} over long poll`, { exports, options: { transport: exports.LongPoll }, heartbeats: false });
}
