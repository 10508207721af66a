import assert from "node:assert/strict";
import { test } from "vitest";
import { toBase64url } from "../src/bytes.js";
import { VestibuleError } from "../src/errors.js";
import { Membership } from "../src/membership.js";
import { FakeQueue, makeContext, makeRoom, makeUser } from "./support.js";

const [alice, room] = await Promise.all([makeUser(), makeRoom()]);
const nonce = toBase64url(new Uint8Array(16));

async function begin(answers) {
  const context = { ...makeContext(alice), server: "rooms.example" };
  await context.records.saveRoomKey(room.rid, room.key);
  const queue = Object.assign(new FakeQueue(answers), { open: () => {} });
  const membership = new Membership(context, room.rid, queue, async () => {});
  const it = { context, queue, membership, isCurrent: true };
  membership.joined({ nonce }, () => it.isCurrent);
  return it;
}

test("a proof signed too late is not sent in the next join", async () => {
  const it = await begin({ prove: {} });
  // The connection is lost while signing.
  const sign = async (bytes) => {
    it.isCurrent = false;
    return room.key.sign(bytes);
  };
  it.context.records.roomKey = async () => ({ alg: room.key.alg, pub: room.key.pub, sign });
  await assert.rejects(it.membership.prove(), { reason: "interrupted" });
  assert.deepEqual([it.queue.sent, it.membership.role], [[], "guest"]);
});

test("a proof that timed out is repeated while its join lasts", async () => {
  let tries = 0;
  const it = await begin({
    prove: () => {
      tries += 1;
      it.isCurrent = tries < 3;
      throw new VestibuleError("timeout");
    },
  });
  await assert.rejects(it.membership.prove(), { reason: "interrupted" });
  assert.equal(tries, 3);
});

test("the nonce is available only to proven members", async () => {
  const it = await begin({ prove: {} });
  assert.throws(() => it.membership.nonce, { reason: "not_member" });
  await it.membership.prove();
  assert.equal(it.membership.nonce, nonce);
  it.membership.left();
  assert.throws(() => it.membership.nonce, { reason: "not_member" });
});
