/** The released client and this repository's together: one of the two people has not updated. */
import { flow } from "../../flows/flow.js";
import { RELEASED } from "../client.js";
import { SCENARIOS } from "./scenarios.js";

const clients = [RELEASED];

for (const [name, arrows] of Object.entries(SCENARIOS)) {
  flow(`${name}, Alice has the released client`, arrows, { clients: { alice: clients }, kills: "halfway" });
  flow(`${name}, Bob has the released client`, arrows, { clients: { bob: clients }, kills: "halfway" });
}
