/** Each client over WebSocket. */
import WebSocket from "ws";
import { V1, V2, WITHOUT_BINARY } from "./clients.js";
import { conforms } from "./conformance.js";

for (const [name, exports] of Object.entries({ ...V1, ...V2 })) {
  const binary = !WITHOUT_BINARY.includes(name);
  conforms(`${name} over WebSocket`, { exports, options: { transport: WebSocket }, binary });
}
