/** A member's no on the demo page: it can be undone before it is sent, and lifted afterwards. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { violations } from "./axe.js";
import { browser, server } from "./fixture.js";
import { PHONES, asPhone, obstacles } from "./phone.js";
import { Visitor } from "./visitor.js";

/** Bob has asked, and Alice looks at his request. */
async function asked(options) {
  const visitor = await Visitor.arrive(await browser.newContext(options), server.url);
  for (const person of ["Alice", "Bob"]) await visitor.turns(person, "online");
  await visitor.press("Alice", "Create the room");
  await visitor.press("Bob", "Ask for the key");
  await visitor.words("Alice", "The newcomer’s words");
  return visitor;
}

const focused = (visitor) => visitor.page.evaluate(() => document.activeElement.textContent);

const denials = async (visitor) => (await visitor.arrows()).filter((arrow) => arrow.includes("denies the request"));

const yes = (visitor) => visitor.card("Alice").getByRole("button", { name: "Yes: send the key" });

test("an undone no is never sent", { timeout: 60_000 }, async () => {
  const visitor = await asked();
  await visitor.press("Alice", "No");
  await visitor.card("Alice").getByText("You said no.").waitFor();
  assert.equal(await focused(visitor), "Undo", "the focus is where the button was");
  assert.equal(await yes(visitor).count(), 0);
  await visitor.page.keyboard.press("Enter");
  await yes(visitor).waitFor();
  assert.equal(await focused(visitor), "No");

  // Only time shows that something is not sent: more of it than the denial would have waited.
  const undone = Date.now();
  await visitor.page.waitForFunction((since) => Date.now() - since > 5_500, undone);
  assert.deepEqual(await denials(visitor), []);
  await yes(visitor).click();
  await visitor.hasKey("Bob");
  assert.deepEqual(await denials(visitor), []);
  assert.deepEqual(visitor.errors, []);
  await visitor.page.context().close();
});

test("a sent no can be lifted, and the request is open again", { timeout: 60_000 }, async () => {
  const visitor = await asked();
  await visitor.press("Alice", "No");
  await visitor.card("Bob").getByText("A member denied the request.").waitFor();
  assert.equal((await denials(visitor)).length, 1);
  await visitor.card("Alice").getByRole("list", { name: "Denied requests" }).waitFor();

  // Another day, or after a reload.
  await visitor.page.reload();
  await visitor.press("Alice", "Lift the denial");
  await visitor.card("Alice").getByRole("list", { name: "Denied requests" }).waitFor({ state: "detached" });
  await yes(visitor).click();
  await visitor.hasKey("Bob");
  assert.deepEqual(visitor.errors, []);
  await visitor.page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`a no is accessible on a phone, ${colorScheme}`, { timeout: 60_000 }, async () => {
    const look = { ...asPhone(PHONES["a small phone"]), colorScheme, bypassCSP: true, reducedMotion: "reduce" };
    const visitor = await asked(look);
    const check = async (where) => {
      assert.deepEqual(await violations(visitor.page), [], where);
      assert.deepEqual(await obstacles(visitor.page), [], where);
    };
    await visitor.press("Alice", "No");
    await visitor.card("Alice").getByRole("button", { name: "Undo" }).waitFor();
    await check("held back");
    await visitor.card("Alice").getByRole("button", { name: "Lift the denial" }).waitFor();
    await check("sent");
    await visitor.page.context().close();
  });
}

test("going offline takes a held no back", { timeout: 60_000 }, async () => {
  const visitor = await asked();
  await visitor.press("Alice", "No");
  await visitor.card("Alice").getByRole("button", { name: "Undo" }).waitFor();
  await visitor.turns("Alice", "offline");
  await visitor.turns("Alice", "online");
  await yes(visitor).click();
  await visitor.hasKey("Bob");
  assert.deepEqual(await denials(visitor), []);
  await visitor.page.context().close();
});
