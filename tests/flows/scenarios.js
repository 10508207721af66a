/** The four flows, arrow by arrow. */
import * as arrows from "./arrows.js";

/** @typedef {import("./flow.js").Arrow} Arrow */

/**
 * Both are online: the channel carries everything.
 *
 * @type {Arrow[]}
 */
export const online = [
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

/**
 * Bob asks while Alice is there, and is gone before she answers.
 *
 * @type {Arrow[]}
 */
export const bobLeaves = [
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

/**
 * Bob asks while Alice is away, and waits in the room until she comes.
 *
 * @type {Arrow[]}
 */
export const bobWaits = [
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

/**
 * They never meet: the store carries everything.
 *
 * @type {Arrow[]}
 */
export const offline = [
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
