/** They are never online together: the store delivers everything. */
import { flow } from "./flow.js";
import { offline } from "./scenarios.js";

flow("offline", offline);
flow("offline, over long poll", offline, { transport: "longpoll" });
