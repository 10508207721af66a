/**
 * The demo page in several windows: Alice and Bob with one each, in one browser and on two
 * machines.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, server } from "./fixture.js";
import { Visitor } from "./visitor.js";

test("two windows of one browser show all messages", { timeout: 60_000 }, async () => {
  const context = await browser.newContext();
  const home = await Visitor.arrive(context, server.url);
  await home.turns("Alice", "online");
  await home.press("Alice", "Create the room");
  await home.hasKey("Alice");
  const opened = context.waitForEvent("page");
  await home.page.getByRole("link", { name: "Open Bob in a new window" }).click();
  const window = new Visitor(await opened);

  await window.press("Bob", "Ask for the key");
  const words = await window.words("Bob", "Your words");
  assert.equal(await home.words("Alice", "The newcomer’s words"), words);
  await home.press("Alice", "Yes: send the key");
  await window.hasKey("Bob");
  await window.says("Bob", "I am over here");
  await home.reads("Alice", "I am over here");
  for (const visitor of [home, window]) {
    const arrows = await visitor.arrows();
    for (const arrow of ["Bob to Channel: asks for the room's key", "Alice to Channel: sends the encrypted key"]) {
      assert.ok(arrows.includes(arrow), arrows.join("\n"));
    }
    assert.deepEqual(visitor.errors, []);
  }

  // Bob has one storage: the first page waits until the new window is closed.
  await home.turns("Bob", "elsewhere");
  await window.page.close();
  await home.hasKey("Bob");
  await home.card("Bob").and(home.page.locator('[data-status="online"]')).waitFor();
  await context.close();
});

test("two people on two machines exchange the key", { timeout: 60_000 }, async () => {
  const hers = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  const alice = await Visitor.arrive(hers, `${server.url}/?as=alice`);
  await alice.press("Alice", "Create the room");
  await alice.hasKey("Alice");
  await alice.page.getByRole("button", { name: "Copy a link for Bob" }).click();
  await alice.page.getByRole("button", { name: "Copied" }).waitFor();
  const link = await alice.page.evaluate(() => navigator.clipboard.readText());

  const bob = await Visitor.arrive(await browser.newContext(), link);
  const room = await alice.words("Garden", "The room’s words");
  assert.equal(await bob.words("Garden", "The room’s words"), room);
  await bob.press("Bob", "Ask for the key");
  const words = await bob.words("Bob", "Your words");
  assert.equal(await alice.words("Alice", "The newcomer’s words"), words);
  await alice.press("Alice", "Yes: send the key");
  await bob.hasKey("Bob");
  await bob.says("Bob", "Far away");
  await alice.reads("Alice", "Far away");
  await alice.says("Alice", "And yet here");
  await bob.reads("Bob", "And yet here");
  for (const visitor of [alice, bob]) {
    assert.deepEqual(visitor.errors, []);
    await visitor.page.context().close();
  }
});
