/** Bob, who requests the key of Alice's room: for unit tests of the newcomer. */
import assert from "node:assert/strict";
import { toBase64url } from "../src/bytes.js";
import { Cards } from "../src/cards.js";
import { Newcomer } from "../src/newcomer.js";
import { FakeQueue, HOUR_MS, LoggedStorage, makeApprove, makeContext, makeRoom, makeUser } from "./support.js";

export const [alice, bob, room] = await Promise.all([makeUser(), makeUser(), makeRoom()]);
export const options = { note: "It is Bob", ttl: HOUR_MS };

/** A join reply with nothing for Bob. */
export const nothing = { mine: [], approves: [], more: false };

/** Changes that make an approve bad. */
export const garbage = { ct: toBase64url(new Uint8Array(100)) };

/** Answers to an approve that must not be sent. */
export const never = { ack: () => assert.fail("acked"), nack: () => assert.fail("nacked") };

const PENDING = { request: { state: "pending" } };

export function begin({ answers = { ...PENDING }, log = [], storage = new LoggedStorage(log) } = {}) {
  const context = makeContext(bob, storage);
  return { log, storage, context, queue: new FakeQueue(answers, log), newcomer: new Newcomer(context, room.rid) };
}

/** Stores the room's card, with which its members' denials can be checked. */
export async function seeCard({ records }) {
  const member = makeContext(alice);
  await member.records.saveRoomKey(room.rid, room.key);
  await records.saveCard(await new Cards(member, room.rid).write({ policy: "request" }));
}

export const asItem = (frame) => ({ ...frame, rid: room.rid, uid: bob.uid });
export const approveOf = (queue, changes) => makeApprove(room, alice, asItem(queue.sent[0].payload), changes);
