/** The four flows with the released client over WebSocket. */
import { flow } from "../../flows/flow.js";
import { online } from "../../flows/scenarios.js";
import { RELEASED } from "../client.js";
import { SCENARIOS } from "./scenarios.js";

const clients = { alice: [RELEASED], bob: [RELEASED] };

for (const [name, arrows] of Object.entries(SCENARIOS)) flow(`${name}, the released client`, arrows, { clients });
flow("online, the released client with Ed25519 keys", online, { clients, alg: "ed25519", kills: "halfway" });
flow("online, the released client in a room created by the server", online, { clients, onServer: true, kills: "halfway" });
