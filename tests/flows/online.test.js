/** Both are online: the channel delivers everything. */
import { flow } from "./flow.js";
import { online } from "./scenarios.js";

flow("online", online);
flow("online, room created by the server", online, { onServer: true });
flow("online, with Ed25519 keys", online, { alg: "ed25519" });
flow("online, over long poll", online, { transport: "longpoll" });
