/** The demo page's four flows: each played with its button, and performed by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, server } from "./fixture.js";
import { FLOWS, Visitor } from "./visitor.js";

async function visit() {
  const context = await browser.newContext({ viewport: { width: 1180, height: 900 } });
  return Visitor.arrive(context, server.url);
}

async function leave(visitor) {
  assert.deepEqual(visitor.errors, [], "the page logs no errors");
  assert.deepEqual([...visitor.hosts], [new URL(server.url).host], "and contacts no other host");
  await visitor.page.context().close();
}

/** Arrows that each flow's diagram must contain, in this order. */
const ARROWS = {
  online: [
    "Alice to Room: creates the room", "Bob to Channel: asks for the room's key",
    "Bob to Room: request is stored",
    "Channel to Alice: delivers Bob's request", "Alice to Channel: sends the encrypted key",
    "Alice to Room: approve is stored",
    "Channel to Bob: delivers the encrypted key", "Bob saves the key in localStorage",
    "Bob to Room: has saved the key: delete the request",
    "Bob to Channel: sends an encrypted message",
    "Channel to Alice: delivers the encrypted message",
  ],
  offline: [
    "Alice to Room: creates the room", "Alice goes offline", "Bob comes online",
    "Bob to Channel: asks for the room's key",
    "Bob to Room: request is stored", "Bob goes offline", "Alice comes online",
    "Alice to Room: gets pending requests",
    "Room to Alice: returns Bob's request", "Alice to Channel: sends the encrypted key",
    "Alice to Room: approve is stored",
    "Alice goes offline", "Bob comes online", "Bob to Room: gets approved requests",
    "Room to Bob: returns the approve",
    "Bob saves the key in localStorage", "Bob to Room: has saved the key: delete the request",
    "Bob goes offline",
  ],
  "bob-waits": [
    "Alice goes offline", "Bob to Channel: asks for the room's key",
    "Bob to Room: request is stored", "Alice comes online",
    "Alice to Room: gets pending requests", "Room to Alice: returns Bob's request",
    "Alice to Channel: sends the encrypted key",
    "Alice to Room: approve is stored", "Channel to Bob: delivers the encrypted key",
    "Bob saves the key in localStorage",
    "Bob to Room: has saved the key: delete the request",
  ],
  "bob-leaves": [
    "Bob to Channel: asks for the room's key", "Channel to Alice: delivers Bob's request",
    "Bob goes offline",
    "Alice to Channel: sends the encrypted key", "Alice to Room: approve is stored",
    "Bob comes online",
    "Bob to Room: gets approved requests", "Room to Bob: returns the approve",
    "Bob saves the key in localStorage",
    "Bob to Room: has saved the key: delete the request",
  ],
};

function assertInOrder(arrows, wanted) {
  let from = 0;
  for (const arrow of wanted) {
    const at = arrows.indexOf(arrow, from);
    assert.ok(at >= 0, `"${arrow}" must follow the previous one in:\n${arrows.join("\n")}`);
    from = at + 1;
  }
}

for (const [flow, title] of Object.entries(FLOWS)) {
  test(`“${title}” by its button`, { timeout: 60_000 }, async () => {
    const visitor = await visit();
    await visitor.play(flow, "fast");
    await visitor.isOver(flow);
    await visitor.nothingIsLeft();
    assertInOrder(await visitor.arrows(), ARROWS[flow]);
    await visitor.screenshot(`demo-${flow}`);
    await leave(visitor);
  });
}

/**
 * The flows by hand: who is online while Bob asks, while Alice answers, and while Bob gets the key.
 */
const BY_HAND = {
  online: [["Alice", "Bob"], ["Alice", "Bob"], ["Alice", "Bob"]],
  offline: [["Bob"], ["Alice"], ["Bob"]],
  "bob-waits": [["Bob"], ["Alice", "Bob"], ["Alice", "Bob"]],
  "bob-leaves": [["Alice", "Bob"], ["Alice"], ["Alice", "Bob"]],
};

for (const [flow, [whileAsking, whileAnswering, whileGetting]] of Object.entries(BY_HAND)) {
  const title = FLOWS[flow];
  test(`“${title}” by hand`, { timeout: 60_000 }, async () => {
    const visitor = await visit();
    const there = new Set();
    const setOnline = async (wanted) => {
      for (const person of ["Alice", "Bob"]) {
        if (wanted.includes(person) === there.has(person)) continue;
        await visitor.turns(person, there.has(person) ? "offline" : "online");
        if (!there.delete(person)) there.add(person);
      }
    };
    await setOnline(["Alice"]);
    // Typed text stays, whatever happens meanwhile.
    await visitor.card("Alice").getByLabel("Name of a new room").fill(`${title}, by hand`);
    await setOnline(["Alice", "Bob"]);
    await setOnline(["Alice"]);
    await visitor.press("Alice", "Create the room");
    await visitor.page.getByRole("heading", { name: `${title}, by hand` }).waitFor();
    await visitor.hasKey("Alice");

    await setOnline(whileAsking);
    await visitor.press("Bob", "Ask for the key");
    const words = await visitor.words("Bob", "Your words");

    await setOnline(whileAnswering);
    assert.equal(await visitor.words("Alice", "The newcomer’s words"), words);
    assert.match(words, /^[a-z]+( [a-z]+){7}$/);
    await visitor.press("Alice", "Yes: send the key");
    if (!whileGetting.includes("Alice")) {
      await visitor.page.getByText("Bob’s request and the key, encrypted for them").waitFor();
    }

    await setOnline(whileGetting);
    await visitor.hasKey("Bob");
    await visitor.nothingIsLeft();
    await setOnline(["Alice", "Bob"]);
    await visitor.says("Bob", "It is cold outside");
    await visitor.reads("Alice", "It is cold outside");
    assertInOrder(await visitor.arrows(), ARROWS[flow].filter((arrow) => !/line$/.test(arrow)).slice(0, -2));
    await leave(visitor);
  });
}

test("a denied newcomer must wait before asking again", { timeout: 60_000 }, async () => {
  const visitor = await visit();
  for (const person of ["Alice", "Bob"]) await visitor.turns(person, "online");
  await visitor.press("Alice", "Create the room");
  await visitor.press("Bob", "Ask for the key");
  await visitor.press("Alice", "No");
  await visitor.card("Bob").getByText("A member denied the request.").waitFor();
  await visitor.press("Bob", "Ask for the key");
  await visitor.card("Bob").getByText("ask again in 24 hours").waitFor();
  await leave(visitor);
});
