/** Bob asks while Alice is online, and is offline when she answers. */
import { flow } from "./flow.js";
import { bobLeaves } from "./scenarios.js";

flow("mixed, Bob leaves", bobLeaves);
flow("mixed, Bob leaves, over long poll", bobLeaves, { transport: "longpoll" });
