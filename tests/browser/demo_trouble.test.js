/** The demo page in trouble: left and come back to in the middle of each flow, and its server killed there. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Server } from "../flows/support.js";
import { openBrowser } from "./browser.js";
import { FLOWS, Visitor } from "./visitor.js";

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

/** Where trouble comes: a request without an approve, and an approve that is not fetched, or is just being delivered. */
const MIDDLES = { asked: "Bob asks for the room's key", approved: "Bob opens the key" };

const reload = ({ visitor }) => visitor.page.reload();
const kill = ({ server }) => server.restart();

/** Plays a flow, with trouble in the middle of it; each with a server of its own, since they run side by side. */
async function play(flow, step, trouble) {
  const server = await Server.begin();
  const context = await browser.newContext();
  try {
    const visitor = await Visitor.arrive(context, server.url);
    await visitor.play(flow, "normal");
    await visitor.isAt(step);
    await trouble({ server, visitor });
    await visitor.setPace("fast");
    await visitor.isOver(flow);
    await visitor.nothingIsLeft();
    return visitor.complaints;
  } finally {
    await context.close();
    await server.end();
  }
}

describe("in the middle of a flow", { concurrency: 4 }, () => {
  for (const [flow, title] of Object.entries(FLOWS)) {
    for (const [when, step] of Object.entries(MIDDLES)) {
      test(`“${title}”, the page reloaded when it is ${when}`, { timeout: 90_000 }, async () => {
        assert.deepEqual(await play(flow, step, reload), []);
      });

      test(`“${title}”, the server killed when it is ${when}`, { timeout: 90_000 }, async () => {
        const complaints = await play(flow, step, kill);
        // The browser says that it could not connect, and nobody else has anything to say.
        assert.deepEqual(complaints.filter((complaint) => !/ERR_CONNECTION|WebSocket connection/.test(complaint)), []);
      });
    }
  }
});
