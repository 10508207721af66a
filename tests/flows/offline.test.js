/** They never meet: the store carries everything. */
import * as arrows from "./arrows.js";
import { flow } from "./flow.js";

/** @type {import("./flow.js").Arrow[]} */
const offline = [
  ["Alice creates room", arrows.aliceCreatesRoom],
  ["Alice stores the key", arrows.aliceStoresTheKey],
  ["Alice becomes offline", arrows.aliceBecomesOffline],
  ["Bob becomes online", arrows.bobBecomesOnline],
  ["Bob asks key to Room", arrows.bobAsksKey, ["bob", "request"]],
  ["Bob stores request", arrows.bobStoresRequest],
  ["Bob becomes offline", arrows.bobBecomesOffline],
  ["Alice becomes online", arrows.aliceBecomesOnline],
  ["Alice gets pending requests", arrows.aliceGetsPendingRequests],
  ["Alice checks the request", arrows.aliceChecksTheRequest],
  ["Alice sends Room key encrypted for Bob", arrows.aliceSendsKey, ["alice", "approve"]],
  ["Alice stores approve", arrows.aliceStoresApprove],
  ["Alice becomes offline again", arrows.aliceBecomesOffline],
  ["Bob becomes online again and gets approved requests", arrows.bobGetsApprovedRequests],
  ["Bob saves the key", arrows.bobSavesTheKey],
  ["Bob acks the key", arrows.bobAcksTheKey, ["bob", "ack"]],
  ["Bob deletes his request", arrows.bobDeletesHisRequest],
  ["Bob becomes offline again", arrows.bobBecomesOffline],
];

flow("offline", offline);
flow("offline, over long poll", offline, { transport: "longpoll" });
