/** Both are online: the channel carries everything. */
import * as arrows from "./arrows.js";
import { flow } from "./flow.js";

/** @type {import("./flow.js").Arrow[]} */
const online = [
  ["Alice creates room", arrows.aliceCreatesRoom],
  ["Alice stores the key", arrows.aliceStoresTheKey],
  ["Bob becomes online", arrows.bobBecomesOnline],
  ["Bob asks key to Room", arrows.bobAsksKey, ["bob", "request"]],
  ["Bob stores request", arrows.bobStoresRequest],
  ["Channel sends Bob's request to Alice", arrows.channelSendsRequestToAlice],
  ["Alice checks the request", arrows.aliceChecksTheRequest],
  ["Alice sends Room key encrypted for Bob", arrows.aliceSendsKey, ["alice", "approve"]],
  ["Alice stores approve", arrows.aliceStoresApprove],
  ["Channel delivers key approve to Bob", arrows.channelDeliversToBob],
  ["Bob saves the key", arrows.bobSavesTheKey],
  ["Bob acks the key", arrows.bobAcksTheKey, ["bob", "ack"]],
  ["Bob deletes his request", arrows.bobDeletesHisRequest],
];

flow("online", online);
flow("online, the room made by the server", online, { onServer: true });
flow("online, with Ed25519 keys", online, { alg: "ed25519" });
flow("online, over long poll", online, { transport: "longpoll" });
