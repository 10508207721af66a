/** The four flows with the released client over WebSocket. */
import { flow } from "../../flows/flow.js";
import { online } from "../../flows/four.js";
import { RELEASED } from "../client.js";
import { FOUR } from "./four.js";

const clients = { alice: [RELEASED], bob: [RELEASED] };

for (const [name, arrows] of Object.entries(FOUR)) flow(`${name}, the released client`, arrows, { clients });
flow("online, the released client with Ed25519 keys", online, { clients, alg: "ed25519", kills: "halfway" });
flow("online, the released client in a room of the server's", online, { clients, onServer: true, kills: "halfway" });
