/** The demo page survives a reload, and a killed server, in the middle of each flow. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Server } from "../flows/support.js";
import { openBrowser } from "./browser.js";
import { FLOWS, Visitor } from "./visitor.js";

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

/**
 * The steps at which a flow is disturbed: before the approve, and while the approve is being
 * delivered.
 */
const MIDDLES = { asked: "Bob asks for the room's key", approved: "Bob decrypts the key" };

const reload = ({ visitor }) => visitor.page.reload();
const kill = ({ server }) => server.restart();

/**
 * Plays a flow and disturbs it. Each flow has its own server, because the tests run concurrently.
 */
async function play(flow, step, disturb) {
  const server = await Server.begin();
  const context = await browser.newContext();
  try {
    const visitor = await Visitor.arrive(context, server.url);
    await visitor.play(flow, "normal");
    await visitor.isAt(step);
    await disturb({ server, visitor });
    await visitor.setSpeed("fast");
    await visitor.isOver(flow);
    await visitor.nothingIsLeft();
    return visitor.errors;
  } finally {
    await context.close();
    await server.end();
  }
}

describe("in the middle of a flow", { concurrency: 4 }, () => {
  for (const [flow, title] of Object.entries(FLOWS)) {
    for (const [when, step] of Object.entries(MIDDLES)) {
      test(`“${title}”, page reloaded when ${when}`, { timeout: 90_000 }, async () => {
        assert.deepEqual(await play(flow, step, reload), []);
      });

      test(`“${title}”, server killed when ${when}`, { timeout: 90_000 }, async () => {
        const errors = await play(flow, step, kill);
        // Only the browser may log that it could not connect.
        assert.deepEqual(errors.filter((error) => !/ERR_CONNECTION|WebSocket connection/.test(error)), []);
      });
    }
  }
});

test("what was on the screen stays while the server is away", { timeout: 90_000 }, async () => {
  const server = await Server.begin();
  const context = await browser.newContext();
  try {
    const visitor = await Visitor.arrive(context, server.url);
    await visitor.play("online", "fast");
    await visitor.isOver("online");
    await visitor.card("Alice").getByLabel("Message", { exact: true }).fill("half a sent");
    const arrows = await visitor.arrows();
    await server.kill();
    for (const person of ["Alice", "Bob"]) {
      await visitor.card(person).and(visitor.page.locator('[data-status="away"]')).waitFor();
      await visitor.hasKey(person);
      await visitor.reads(person, "I am in!");
    }
    await visitor.page.getByRole("status").filter({ hasText: "The server is away; trying again" }).waitFor();
    await visitor.page.getByRole("heading", { name: "Garden" }).waitFor();
    const away = await visitor.arrows();
    assert.deepEqual(away.slice(0, arrows.length), arrows);
    assert.deepEqual(away.slice(arrows.length).sort(), ["Alice loses the connection", "Bob loses the connection"]);

    await server.start();
    for (const person of ["Alice", "Bob"]) {
      await visitor.card(person).and(visitor.page.locator('[data-status="online"]')).waitFor();
    }
    await visitor.page.getByText("The server is away").first().waitFor({ state: "detached" });
    await visitor.card("Alice").getByRole("button", { name: "Send" }).click();
    await visitor.reads("Bob", "half a sent");
  } finally {
    await context.close();
    await server.end();
  }
});
