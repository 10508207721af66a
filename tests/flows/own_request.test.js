/** Somebody asks, gets the key, and is a member from then on: their own request is not among those they look after. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import { SigningKey } from "vestibule-client/protocol";
import WebSocket from "ws";
import { Server, until, within } from "./support.js";

let server;
const clients = [];
before(async () => (server = await Server.begin()));
after(async () => {
  await Promise.all(clients.map((client) => client.disconnect()));
  await server.end();
});

async function connect(user) {
  const client = await Vestibule.connect(server.url, { storage: new MemoryStorage(), user, transport: WebSocket });
  clients.push(client);
  return client;
}

test("a member's own request is not shown to them", { timeout: 60_000 }, async () => {
  const garden = await (await connect()).createRoom({ policy: "request" });
  const approveOnly = async () => {
    await until("Alice is shown one", () => garden.pending.length === 1);
    await garden.pending[0].approve();
  };
  // The list of a new member and the end of their request come in either order.
  for (let run = 0; run < 16; run += 1) {
    const door = await (await connect()).openRoom(garden.rid);
    const shown = [];
    door.onRequest((request) => shown.push(request));
    const key = door.requestKey();
    await approveOnly();
    await within("Bob has the key", key);
    await until("Bob is a member", () => door.role === "member");
    await until("Alice has nobody left", () => garden.pending.length === 0);

    // Bob is shown the next newcomer, who comes after whatever there was to say of himself.
    const carol = await connect();
    const next = (await carol.openRoom(garden.rid)).requestKey();
    await until("Bob is shown somebody", () => shown.length > 0);
    await approveOnly();
    await within("Carol has the key", next);
    await until("nobody is left", () => garden.pending.length === 0 && door.pending.length === 0);
    assert.deepEqual(shown.map(({ uid }) => uid), [carol.uid], `run ${run}`);
  }
});

test("a device shows what another of the user's asks", { timeout: 30_000 }, async () => {
  const user = await SigningKey.generate();
  const phone = await (await connect(user)).createRoom({ policy: "request" });
  phone.onRequest((request) => request.approve());
  const laptop = await (await connect(user)).openRoom(phone.rid);
  await within("the laptop has the key", laptop.requestKey({ note: "my laptop" }));
  await until("nobody is left", () => phone.pending.length === 0);
});
