/** They never meet: the store carries everything. */
import { flow } from "./flow.js";
import { offline } from "./four.js";

flow("offline", offline);
flow("offline, over long poll", offline, { transport: "longpoll" });
