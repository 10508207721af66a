/** Each request of the released folder: its state, and what may still happen to it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRequest } from "vestibule-client/protocol";
import { next, reply } from "../../flows/phoenix_user.js";
import { until } from "../../flows/support.js";
import { DAY_MS, ROOM, ReleasedFolder, TRUTH } from "./folder.js";

const { users } = TRUTH;

/** A user's request as a member received it. */
function of(name, items) {
  const item = items.find(({ uid }) => uid === users[name].uid);
  assert.equal(item?.request_id, users[name].request_id);
  return item;
}

test("members see the waiting requests, oldest first", async (t) => {
  const { proven } = await (await ReleasedFolder.open(t)).member();
  const waiting = proven.pending.map(({ uid, state, approvals, note }) => [uid, state, approvals, note]);
  assert.deepEqual(waiting, [
    [users.pending.uid, "pending", 0, "I am pending"],
    [users.approved.uid, "approved", 1, "I am approved"],
    [users.nacked.uid, "pending", 0, "I am nacked"],
  ]);
  for (const item of proven.pending) await checkRequest(item, ROOM.rid);
});

for (const name of ["pending", "nacked"]) {
  test(`a ${name} request can be approved and the key opened`, async (t) => {
    const server = await ReleasedFolder.open(t);
    const newcomer = await server.newcomer(name);
    const { mine, approves } = newcomer.joined;
    assert.deepEqual(mine.map(({ request_id, state }) => [request_id, state]), [[newcomer.requestId, "pending"]]);
    assert.deepEqual(approves, []);
    const alice = await server.member();
    const request = of(name, alice.proven.pending);
    const [arriving, gone] = [newcomer.nextApprove(), next(alice.channel, "request_gone")];
    assert.equal((await alice.approve(request)).state, "approved");
    await gone;
    const receipt = next(alice.channel, "receipt");
    await newcomer.opensAndAcks(await arriving, request, ROOM);
    const { result, request_id } = await receipt;
    assert.deepEqual([result, request_id], ["saved", newcomer.requestId]);
    assert.equal(await newcomer.state(), "done");
  });
}

test("the join reply delivers an approved key", async (t) => {
  const server = await ReleasedFolder.open(t);
  const newcomer = await server.newcomer("approved");
  const { mine: [request], approves } = newcomer.joined;
  assert.deepEqual(approves.map(({ by }) => by), [users.alice.uid]);
  await newcomer.opensAndAcks(approves[0], request, ROOM);
  assert.equal(await newcomer.state(), "done");
  const { joined } = await (await server.signIn("alice")).join(`user:${users.alice.uid}`);
  const { event, result, request_id } = joined.notices.at(-1);
  assert.deepEqual([event, result, request_id], ["receipt", "saved", newcomer.requestId]);
});

test("the inbox delivers an approved key as well", async (t) => {
  const server = await ReleasedFolder.open(t);
  const { joined } = await (await server.signIn("approved")).join(`user:${users.approved.uid}`);
  assert.deepEqual(joined.approves.map(({ request_id }) => request_id), [users.approved.request_id]);
});

test("a denial lasts for a day and can be overruled", async (t) => {
  const server = await ReleasedFolder.open(t);
  const newcomer = await server.newcomer("denied");
  const reported = newcomer.joined.notices.map(({ event, by, code, block }) => [event, by, code, block]);
  assert.deepEqual(reported, [["denied", users.mallory.uid, "no", false]]);
  await assert.rejects(newcomer.askAnew(ROOM.rid), { reason: "cooldown" });

  const alice = await server.member();
  const denial = (await alice.denials()).find(({ uid }) => uid === newcomer.user.uid);
  assert.deepEqual([denial.by, denial.code, denial.block], [users.mallory.uid, "no", false]);
  assert.ok(denial.until > Date.now());
  const request = of("denied", denial.requests);
  const arriving = newcomer.nextApprove();
  assert.equal((await alice.approve(request)).state, "approved");
  await newcomer.opensAndAcks(await arriving, request, ROOM);
});

test("a denied user may ask again after a day", async (t) => {
  const newcomer = await (await ReleasedFolder.open(t, DAY_MS)).newcomer("denied");
  assert.equal((await newcomer.askAnew(ROOM.rid)).state, "pending");
});

test("a blocked user stays blocked until a member lifts it", async (t) => {
  const server = await ReleasedFolder.open(t, 2 * DAY_MS);
  const newcomer = await server.newcomer("blocked");
  const reported = newcomer.joined.notices.map(({ event, by, code, block }) => [event, by, code, block]);
  assert.deepEqual(reported, [["denied", users.alice.uid, "no", true]]);
  await assert.rejects(newcomer.askAnew(ROOM.rid), { reason: "blocked" });
  const alice = await server.member();
  const [{ uid, by, block, until: end }, ...others] = await alice.denials();
  assert.deepEqual([uid, by, block, end], [newcomer.user.uid, users.alice.uid, true, null]);
  assert.deepEqual(others, [], "the other denial has ended");

  const reopened = next(alice.channel, "request");
  await reply(alice.channel.push("unblock", { uid: newcomer.user.uid }));
  const request = await reopened;
  const arriving = newcomer.nextApprove();
  await alice.approve(request);
  await newcomer.opensAndAcks(await arriving, request, ROOM);
});

test("a completed request stays done", async (t) => {
  const newcomer = await (await ReleasedFolder.open(t)).newcomer("done");
  const { mine, approves, notices } = newcomer.joined;
  assert.deepEqual([mine, approves, notices], [[], [], []]);
  assert.equal(await newcomer.state(), "done");
});

test("the user of a withdrawn request may ask again", async (t) => {
  const newcomer = await (await ReleasedFolder.open(t)).newcomer("withdrawn");
  const { mine, approves, notices } = newcomer.joined;
  assert.deepEqual([mine, approves], [[], []]);
  assert.deepEqual(notices.map(({ event, request_id }) => [event, request_id]), [["withdrawn", newcomer.requestId]]);
  assert.equal(await newcomer.state(), "withdrawn");
  assert.equal((await newcomer.askAnew(ROOM.rid)).state, "pending");
});

test("the approver gets the receipts of the approves", async (t) => {
  const server = await ReleasedFolder.open(t);
  const { joined } = await (await server.signIn("alice")).join(`user:${users.alice.uid}`);
  const reported = joined.notices.map(({ event, request_id, result, code }) => [event, request_id, result, code]);
  assert.deepEqual(reported, [
    ["receipt", users.done.request_id, "saved", undefined],
    ["receipt", users.nacked.request_id, "nacked", "undecryptable"],
  ]);
});

for (const name of ["pending", "approved"]) {
  test(`a request that was ${name} expires in time`, async (t) => {
    const server = await ReleasedFolder.open(t, 30 * DAY_MS);
    const newcomer = await server.newcomer(name);
    assert.deepEqual([newcomer.joined.mine, newcomer.joined.approves], [[], []]);
    assert.deepEqual((await server.member()).proven.pending, []);
    const [notice] = await until("the newcomer is reported", async () => {
      const { items } = await reply(newcomer.channel.push("notices", {}));
      return items.length > 0 && items;
    });
    assert.deepEqual([notice.event, notice.request_id], ["expired", newcomer.requestId]);
  });
}
