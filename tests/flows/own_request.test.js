/** A user's own request is not among the requests that they see as a member. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SigningKey } from "vestibule-client/protocol";
import { Fixture } from "./fixture.js";
import { until, within } from "./support.js";

const fixture = new Fixture();

async function connect(user) {
  return (await fixture.connect({ user })).client;
}

test("a member's own request is not shown to them", { timeout: 60_000 }, async () => {
  const garden = await (await connect()).createRoom({ policy: "request" });
  const approveOnly = async () => {
    await until("Alice is shown one", () => garden.pending.length === 1);
    await garden.pending[0].approve();
  };
  // A new member's list and the end of their request arrive in either order.
  for (let run = 0; run < 16; run += 1) {
    const door = await (await connect()).openRoom(garden.rid);
    const shown = [];
    door.onRequest((request) => shown.push(request));
    const key = door.requestKey();
    await approveOnly();
    await within("Bob has the key", key);
    await until("Bob is a member", () => door.role === "member");
    await until("Alice has nobody left", () => garden.pending.length === 0);

    // Bob sees the next newcomer, whose request arrives after everything about his own.
    const carol = await connect();
    const next = (await carol.openRoom(garden.rid)).requestKey();
    await until("Bob is shown somebody", () => shown.length > 0);
    await approveOnly();
    await within("Carol has the key", next);
    await until("nobody is left", () => garden.pending.length === 0 && door.pending.length === 0);
    assert.deepEqual(shown.map(({ uid }) => uid), [carol.uid], `run ${run}`);
  }
});

test("a device sees the request of the user's other device", { timeout: 30_000 }, async () => {
  const user = await SigningKey.generate();
  const phone = await (await connect(user)).createRoom({ policy: "request" });
  phone.onRequest((request) => request.approve());
  const laptop = await (await connect(user)).openRoom(phone.rid);
  await within("the laptop has the key", laptop.requestKey({ note: "my laptop" }));
  await until("nobody is left", () => phone.pending.length === 0);
});
