/** The flow works on devices whose clocks are wrong, and reports them. */
import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { MemoryStorage, Vestibule } from "vestibule-client";
import WebSocket from "ws";
import { Server, within } from "./support.js";

const DAY = 86_400_000;
const NOW = Date.now();

let server;
before(async () => (server = await Server.begin()));
after(() => server.end());

for (const [name, deviceTime] of [
  ["three days ahead", NOW + 3 * DAY],
  ["three days behind", NOW - 3 * DAY],
  ["in 2010", Date.UTC(2010, 0, 1)],
  ["in 1970", 0],
]) {
  test(`devices whose clocks are ${name} exchange a key`, { timeout: 30_000 }, async (t) => {
    mock.timers.enable({ apis: ["Date"], now: deviceTime });
    t.after(() => mock.timers.reset());
    const warnings = [];
    const connect = async () => {
      const onWarning = ({ reason, detail }) => warnings.push([reason, detail]);
      const options = { storage: new MemoryStorage(), transport: WebSocket, onWarning };
      const client = await within("connected", Vestibule.connect(server.url, options));
      t.after(() => client.disconnect());
      return client;
    };
    const [alice, bob] = [await connect(), await connect()];
    const garden = await alice.createRoom({ policy: "request" });
    garden.onRequest((request) => request.approve());
    const door = await bob.openRoom(garden.rid);
    const { exp } = await door.ask();
    assert.ok(exp > NOW && exp < NOW + 30 * DAY, new Date(exp).toISOString());
    await within("Bob has the key", door.whenKey());
    assert.deepEqual(warnings.map(([reason]) => reason), ["wrong_clock", "wrong_clock"], warnings.join("\n"));
    const corrected = /^this device's clock shows .* UTC and the server's .* UTC; the client corrects for it$/;
    assert.match(warnings[0][1], corrected);
  });
}
