/** Bob asks while Alice is there, and is gone before she answers. */
import * as arrows from "./arrows.js";
import { flow } from "./flow.js";

/** @type {import("./flow.js").Arrow[]} */
const bobLeaves = [
  ["Alice creates room", arrows.aliceCreatesRoom],
  ["Alice stores the key", arrows.aliceStoresTheKey],
  ["Bob becomes online", arrows.bobBecomesOnline],
  ["Bob asks key to Room", arrows.bobAsksKey, ["bob", "request"]],
  ["Channel sends Bob's request to Alice", arrows.channelSendsRequestToAlice],
  ["Bob stores request", arrows.bobStoresRequest],
  ["Bob becomes offline", arrows.bobBecomesOffline],
  ["Alice checks the request", arrows.aliceChecksTheRequest],
  ["Alice sends Room key encrypted for Bob", arrows.aliceSendsKey, ["alice", "approve"]],
  ["Alice stores approve", arrows.aliceStoresApprove],
  ["Bob becomes online again and gets approved requests", arrows.bobGetsApprovedRequestsInTheRoom],
  ["Bob saves the key", arrows.bobSavesTheKey],
  ["Bob acks the key", arrows.bobAcksTheKey, ["bob", "ack"]],
  ["Bob deletes his request", arrows.bobDeletesHisRequest],
  ["Bob becomes offline again", arrows.bobBecomesOffline],
];

flow("mixed, Bob leaves", bobLeaves);
flow("mixed, Bob leaves, over long poll", bobLeaves, { transport: "longpoll" });
