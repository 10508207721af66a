/** The online flow on the wire, with an unmodified phoenix.js and both ways to send the token. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BoxKey, SigningKey, checkRequest, openApprove, ridOf, signFields } from "vestibule-client/protocol";
import { PhoenixUser, next, reply } from "./phoenix_user.js";
import { Server } from "./support.js";

let server;
before(async () => (server = await Server.begin()));
after(() => server.end());

for (const tokenIn of ["authToken", "params"]) {
  describe(`online with phoenix.js alone, token in ${tokenIn}`, { timeout: 60_000 }, () => {
    /** What the steps of the flow share: `alice`, `bob`, and what they make and receive. */
    const it = { tokenIn };
    before(async () => {
      [it.alice, it.bob] = await Promise.all([1, 2].map(() => PhoenixUser.connect(server, tokenIn)));
    });
    after(() => Promise.all([it.alice.disconnect(), it.bob.disconnect()]));

    test("Alice creates a room", () => aliceCreatesRoom(it));
    test("Bob's request is stored and pushed to Alice", () => bobAsks(it));
    test("a guest learns nothing of others", () => guestLearnsNothing(it));
    test("Alice's approve is stored and pushed to Bob", () => aliceApproves(it));
    test("Bob opens the key and his ack deletes the request", () => bobAcks(it));
    test("each frame went over the wire once per push", () => framesAreSentOnce(it));
  });
}

async function aliceCreatesRoom(it) {
  const { alice } = it;
  const roomKey = (it.roomKey = await SigningKey.generate());
  const rid = (it.rid = await ridOf(roomKey.alg, roomKey.pub));
  const garden = (it.garden = await alice.join(`room:${rid}`));
  assert.equal(garden.joined.v, 1);
  assert.equal(garden.joined.role, "guest");
  assert.equal(garden.joined.server, alice.server);
  const presence = next(garden.channel, "presence_state");
  const proven = await alice.prove(garden.channel, garden.joined.nonce, roomKey);
  assert.equal(proven.role, "member");
  assert.deepEqual([proven.pending, proven.cursor], [[], null]);
  assert.deepEqual(Object.keys(await presence), [alice.uid]);

  const card = { version: 1, policy: "request", name: "Garden" };
  const sig = await signFields("card", { rid, ...card }, roomKey);
  assert.deepEqual(await reply(garden.channel.push("card", { ...card, sig })), { version: 1, dup: false });
  assert.equal((await reply(garden.channel.push("card", { ...card, sig }))).dup, true, "repeating it is harmless");
}

async function bobAsks(it) {
  const { bob, rid, garden } = it;
  const door = (it.door = await bob.join(`room:${rid}`));
  assert.equal(door.joined.card.name, "Garden");
  assert.deepEqual([door.joined.mine, door.joined.approves, door.joined.more], [[], [], false]);
  const box = (it.box = await BoxKey.generate());
  const asked = (it.asked = await bob.request(rid, box, { note: "It is Bob" }));
  const arriving = next(garden.channel, "request");
  const stored = await reply(door.channel.push("request", asked));
  assert.deepEqual([stored.request_id, stored.state, stored.dup], [asked.request_id, "pending", false]);
  const request = (it.request = await arriving);
  assert.equal(request.online, true);
  assert.equal(request.seq, stored.seq);
  assert.equal((await checkRequest(request, rid)).box, box.id);
  const again = await reply(door.channel.push("request", asked));
  assert.deepEqual([again.state, again.seq, again.dup], ["pending", stored.seq, true]);
}

async function guestLearnsNothing(it) {
  const { rid, tokenIn } = it;
  const carol = await PhoenixUser.connect(server, tokenIn);
  try {
    const { channel, joined } = await carol.join(`room:${rid}`);
    assert.deepEqual([joined.mine, joined.approves], [[], []]);
    for (const event of ["pending", "hello"]) {
      await assert.rejects(reply(channel.push(event, {})), { reason: "not_member" });
    }
    const { nonce } = joined;
    const sig = await signFields("prove", { server: carol.server, rid, uid: carol.uid, nonce }, carol.key);
    const forged = { room_pub: carol.sign_pub, alg: "p256", nonce, sig };
    await assert.rejects(reply(channel.push("prove", forged)), { reason: "bad_proof" });
  } finally {
    await carol.disconnect();
  }
}

async function aliceApproves(it) {
  const { alice, roomKey, garden, door, box, request } = it;
  const sent = await alice.approve(request, box.pub, roomKey);
  const [arriving, gone] = [next(door.channel, "approve"), next(garden.channel, "request_gone")];
  const stored = await reply(garden.channel.push("approve", sent));
  assert.deepEqual([stored.state, stored.dup], ["approved", false]);
  const approve = (it.approve = await arriving);
  assert.equal(approve.by, alice.uid);
  assert.equal(approve.seq, stored.seq);
  assert.deepEqual([(await gone).state, (await gone).by], ["approved", alice.uid]);
  const again = await reply(garden.channel.push("approve", sent));
  assert.deepEqual([again.seq, again.dup], [stored.seq, true]);
}

async function bobAcks(it) {
  const { bob, rid, roomKey, garden, door, box, asked, approve } = it;
  const key = await openApprove(approve, { rid, request_id: asked.request_id, uid: bob.uid, box });
  assert.deepEqual(key.private, roomKey.private);
  const gone = next(garden.channel, "request_gone");
  const ack = { approve_id: approve.approve_id, device: bob.device };
  assert.equal((await reply(door.channel.push("ack", ack))).dup, false);
  assert.equal((await gone).state, "done");
  assert.equal((await reply(door.channel.push("ack", ack))).dup, true);
  const { state } = await reply(door.channel.push("status", { request_id: asked.request_id }));
  assert.ok(["done", null].includes(state), state);
  assert.equal((await bob.prove(door.channel, door.joined.nonce, key)).role, "member");
}

function framesAreSentOnce(it) {
  const { bob, request, approve } = it;
  const events = bob.wire.frames.filter(({ way }) => way === "out").map(({ event }) => event);
  assert.deepEqual(events, ["phx_join", "request", "request", "ack", "ack", "status", "prove"]);
  assert.equal(bob.wire.received("approve").length, 1);
  assert.equal(bob.wire.received("caught_up").length, 1);
}
