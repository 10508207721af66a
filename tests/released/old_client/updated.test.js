/** This repository's client continues with the storage of the released client. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { flow } from "../../flows/flow.js";
import { bobLeaves, bobWaits, offline } from "../../flows/scenarios.js";
import { PRESENT, Person } from "../../flows/person.js";
import { Server } from "../../flows/support.js";
import { RELEASED } from "../client.js";

const updated = [RELEASED, PRESENT];
const old = [RELEASED];

flow("offline, both update in between", offline, { clients: { alice: updated, bob: updated } });
flow("mixed, Alice updates in between", bobWaits, { clients: { alice: updated, bob: old }, kills: "halfway" });
flow("mixed, Bob updates in between", bobLeaves, { clients: { alice: old, bob: updated }, kills: "halfway" });

test("each start of a person uses the given client", async (t) => {
  assert.notEqual(RELEASED.Vestibule, PRESENT.Vestibule);
  const server = await Server.begin();
  t.after(() => server.end());
  const bob = new Person("bob", server, "p256", "websocket", updated);
  for (const { Vestibule } of [RELEASED, PRESENT, PRESENT]) {
    await bob.comeOnline();
    const started = bob.client;
    await bob.goOffline();
    assert.ok(started instanceof Vestibule);
  }
});
