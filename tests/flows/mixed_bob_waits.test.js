/** Bob asks while Alice is away, and waits in the room until she comes. */
import { flow } from "./flow.js";
import { bobWaits } from "./four.js";

flow("mixed, Bob waits", bobWaits);
flow("mixed, Bob waits, over long poll", bobWaits, { transport: "longpoll" });
