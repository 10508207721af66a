/** The four flows, arrow by arrow. */
import * as arrows from "./arrows.js";

/** @typedef {import("./flow.js").Arrow} Arrow */

/**
 * Both are online: the channel delivers everything.
 *
 * @type {Arrow[]}
 */
export const online = [
  ["Alice creates a room", arrows.aliceCreatesRoom],
  ["Alice stores the key", arrows.aliceStoresTheKey],
  ["Bob comes online", arrows.bobComesOnline],
  ["Bob asks for the key", arrows.bobAsksForTheKey, ["bob", "request"]],
  ["Bob's request is stored", arrows.requestIsStored],
  ["Alice receives Bob's request", arrows.aliceReceivesRequest],
  ["Alice checks the request", arrows.aliceChecksTheRequest],
  ["Alice sends the encrypted key", arrows.aliceSendsTheKey, ["alice", "approve"]],
  ["Alice's approve is stored", arrows.approveIsStored],
  ["Bob receives the approve", arrows.bobReceivesApprove],
  ["Bob saves the key", arrows.bobSavesTheKey],
  ["Bob acks the key", arrows.bobAcksTheKey, ["bob", "ack"]],
  ["Bob deletes his request", arrows.bobDeletesHisRequest],
];

/**
 * Bob asks while Alice is online, and is offline when she answers.
 *
 * @type {Arrow[]}
 */
export const bobLeaves = [
  ["Alice creates a room", arrows.aliceCreatesRoom],
  ["Alice stores the key", arrows.aliceStoresTheKey],
  ["Bob comes online", arrows.bobComesOnline],
  ["Bob asks for the key", arrows.bobAsksForTheKey, ["bob", "request"]],
  ["Alice receives Bob's request", arrows.aliceReceivesRequest],
  ["Bob's request is stored", arrows.requestIsStored],
  ["Bob goes offline", arrows.bobGoesOffline],
  ["Alice checks the request", arrows.aliceChecksTheRequest],
  ["Alice sends the encrypted key", arrows.aliceSendsTheKey, ["alice", "approve"]],
  ["Alice's approve is stored", arrows.approveIsStored],
  ["Bob comes back and gets the approve", arrows.bobGetsApprovedRequestsInTheRoom],
  ["Bob saves the key", arrows.bobSavesTheKey],
  ["Bob acks the key", arrows.bobAcksTheKey, ["bob", "ack"]],
  ["Bob deletes his request", arrows.bobDeletesHisRequest],
  ["Bob goes offline again", arrows.bobGoesOffline],
];

/**
 * Bob asks while Alice is offline, and waits in the room until she comes online.
 *
 * @type {Arrow[]}
 */
export const bobWaits = [
  ["Alice creates a room", arrows.aliceCreatesRoom],
  ["Alice stores the key", arrows.aliceStoresTheKey],
  ["Alice goes offline", arrows.aliceGoesOffline],
  ["Bob comes online", arrows.bobComesOnline],
  ["Bob asks for the key", arrows.bobAsksForTheKey, ["bob", "request"]],
  ["Bob's request is stored", arrows.requestIsStored],
  ["Alice comes online", arrows.aliceComesOnline],
  ["Alice gets pending requests", arrows.aliceGetsPendingRequests],
  ["Alice checks the request", arrows.aliceChecksTheRequest],
  ["Alice sends the encrypted key", arrows.aliceSendsTheKey, ["alice", "approve"]],
  ["Alice's approve is stored", arrows.approveIsStored],
  ["Bob receives the approve", arrows.bobReceivesApprove],
  ["Bob saves the key", arrows.bobSavesTheKey],
  ["Bob acks the key", arrows.bobAcksTheKey, ["bob", "ack"]],
  ["Bob deletes his request", arrows.bobDeletesHisRequest],
];

/**
 * They are never online together: the store delivers everything.
 *
 * @type {Arrow[]}
 */
export const offline = [
  ["Alice creates a room", arrows.aliceCreatesRoom],
  ["Alice stores the key", arrows.aliceStoresTheKey],
  ["Alice goes offline", arrows.aliceGoesOffline],
  ["Bob comes online", arrows.bobComesOnline],
  ["Bob asks for the key", arrows.bobAsksForTheKey, ["bob", "request"]],
  ["Bob's request is stored", arrows.requestIsStored],
  ["Bob goes offline", arrows.bobGoesOffline],
  ["Alice comes online", arrows.aliceComesOnline],
  ["Alice gets pending requests", arrows.aliceGetsPendingRequests],
  ["Alice checks the request", arrows.aliceChecksTheRequest],
  ["Alice sends the encrypted key", arrows.aliceSendsTheKey, ["alice", "approve"]],
  ["Alice's approve is stored", arrows.approveIsStored],
  ["Alice goes offline again", arrows.aliceGoesOffline],
  ["Bob comes back and gets the approve", arrows.bobGetsApprovedRequests],
  ["Bob saves the key", arrows.bobSavesTheKey],
  ["Bob acks the key", arrows.bobAcksTheKey, ["bob", "ack"]],
  ["Bob deletes his request", arrows.bobDeletesHisRequest],
  ["Bob goes offline again", arrows.bobGoesOffline],
];
