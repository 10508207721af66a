/** Bob asks while Alice is offline, and waits in the room until she comes online. */
import { flow } from "./flow.js";
import { bobWaits } from "./scenarios.js";

flow("mixed, Bob waits", bobWaits);
flow("mixed, Bob waits, over long poll", bobWaits, { transport: "longpoll" });
