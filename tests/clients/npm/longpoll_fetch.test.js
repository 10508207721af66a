/** The clients that use fetch for long poll. */
import { V2 } from "./clients.js";
import { conforms } from "./conformance.js";

for (const name of ["phoenix 1.8.16", "@supabase/phoenix 0.4.5"]) {
  const exports = V2[name];
  conforms(`${name} over long poll`, { exports, options: { transport: exports.LongPoll }, heartbeats: false });
}
