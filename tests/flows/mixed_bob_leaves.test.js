/** Bob asks while Alice is there, and is gone before she answers. */
import { flow } from "./flow.js";
import { bobLeaves } from "./four.js";

flow("mixed, Bob leaves", bobLeaves);
flow("mixed, Bob leaves, over long poll", bobLeaves, { transport: "longpoll" });
