/** Bob asks while Alice is away, and waits in the room until she comes. */
import * as arrows from "./arrows.js";
import { flow } from "./flow.js";

/** @type {import("./flow.js").Arrow[]} */
const bobWaits = [
  ["Alice creates room", arrows.aliceCreatesRoom],
  ["Alice stores the key", arrows.aliceStoresTheKey],
  ["Alice becomes offline", arrows.aliceBecomesOffline],
  ["Bob becomes online", arrows.bobBecomesOnline],
  ["Bob asks key to Room", arrows.bobAsksKey, ["bob", "request"]],
  ["Bob stores request", arrows.bobStoresRequest],
  ["Alice becomes online", arrows.aliceBecomesOnline],
  ["Alice gets pending requests", arrows.aliceGetsPendingRequests],
  ["Alice checks the request", arrows.aliceChecksTheRequest],
  ["Alice sends Room key encrypted for Bob", arrows.aliceSendsKey, ["alice", "approve"]],
  ["Alice stores approve", arrows.aliceStoresApprove],
  ["Channel delivers key approve to Bob", arrows.channelDeliversToBob],
  ["Bob saves the key", arrows.bobSavesTheKey],
  ["Bob acks the key", arrows.bobAcksTheKey, ["bob", "ack"]],
  ["Bob deletes his request", arrows.bobDeletesHisRequest],
];

flow("mixed, Bob waits", bobWaits);
flow("mixed, Bob waits, over long poll", bobWaits, { transport: "longpoll" });
