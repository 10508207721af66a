/** The four flows with the released client over long poll. */
import { flow } from "../../flows/flow.js";
import { RELEASED } from "../client.js";
import { SCENARIOS } from "./scenarios.js";

const clients = { alice: [RELEASED], bob: [RELEASED] };

for (const [name, arrows] of Object.entries(SCENARIOS)) {
  flow(`${name}, the released client over long poll`, arrows, { clients, transport: "longpoll", kills: "halfway" });
}
