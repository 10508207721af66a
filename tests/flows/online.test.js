/** Both are online: the channel carries everything. */
import { flow } from "./flow.js";
import { online } from "./four.js";

flow("online", online);
flow("online, the room made by the server", online, { onServer: true });
flow("online, with Ed25519 keys", online, { alg: "ed25519" });
flow("online, over long poll", online, { transport: "longpoll" });
