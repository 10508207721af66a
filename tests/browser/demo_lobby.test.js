/** The demo page's lobby: a channel by configuration, and stock phoenix.js in two windows. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "../flows/support.js";
import { violations } from "./axe.js";
import { openBrowser } from "./browser.js";
import { LobbyGuest } from "./lobby_guest.js";

const LOBBY = fileURLToPath(new URL("../../server/web/demo/lobby.toml", import.meta.url));

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

/**
 * A server of one test's own, with options for its folder, and guests; all are gone after the test.
 */
async function withServer(options, act) {
  const server = await Server.begin(options);
  const contexts = [];
  const arrive = async (contextOptions) => {
    const context = await browser.newContext(contextOptions);
    contexts.push(context);
    return LobbyGuest.arrive(context, server.url);
  };
  try {
    await act({ server, arrive });
  } finally {
    for (const context of contexts) await context.close();
    await server.end();
  }
}

const withLobby = (act) => withServer(() => ["--config", LOBBY], act);

test("two guests see each other and what is said", { timeout: 60_000 }, () =>
  withLobby(async ({ server, arrive }) => {
    const ada = await arrive();
    await ada.enter("Ada");
    await ada.sees(["Ada"]);
    const ben = await arrive();
    await ben.enter("Ben");
    for (const guest of [ada, ben]) await guest.sees(["Ada", "Ben"]);
    await ada.says("Hello, who is there?");
    await ben.reads("Ada Hello, who is there?");
    await ben.says("Only me");
    for (const guest of [ada, ben]) {
      await guest.reads("Ben Only me");
      assert.deepEqual(await guest.transcript(), ["Ada Hello, who is there?", "Ben Only me"], "each once, in order");
    }
    await ben.presses("Leave");
    await ada.sees(["Ada"]);
    for (const guest of [ada, ben]) {
      assert.deepEqual([guest.errors, [...guest.hosts]], [[], [new URL(server.url).host]]);
    }
  }));

test("a guest who comes back is sent what was missed", { timeout: 60_000 }, () =>
  withLobby(async ({ arrive }) => {
    const [ada, ben] = [await arrive(), await arrive()];
    await ada.enter("Ada");
    await ben.enter("Ben");
    await ada.says("one");
    await ben.reads("Ada one");
    await ben.switches();
    await ben.is("offline");
    await ada.sees(["Ada"]);
    for (const text of ["two", "three"]) {
      await ada.says(text);
      await ada.reads(`Ada ${text}`);
    }
    await ben.switches();
    await ben.is("inside");
    await ben.reads("Ada three");
    await ada.says("four");
    await ben.reads("Ada four");
    const heard = ["Ada one", "2 messages while you were away:", "Ada two", "Ada three", "Ada four"];
    assert.deepEqual(await ben.transcript(), heard);

    // A reloaded page is the same guest, and goes on where it was.
    await ben.page.reload();
    await ben.is("inside");
    assert.deepEqual(await ben.transcript(), heard);
    await ada.sees(["Ada", "Ben"]);
  }));

for (const [how, end] of [
  ["is killed", (server) => server.kill()],
  ["stops", (server) => server.stop()],
]) {
  test(`what was on the screen stays when the server ${how}`, { timeout: 60_000 }, () =>
    withLobby(async ({ server, arrive }) => {
      const ada = await arrive();
      await ada.enter("Ada");
      await ada.says("Before");
      await ada.reads("Ada Before");
      await ada.page.getByLabel("Say something").fill("half a sent");
      await end(server);
      await ada.is("away");
      await ada.page.getByRole("status").filter({ hasText: "The server is away; trying again" }).waitFor();
      assert.deepEqual(await ada.transcript(), ["Ada Before"]);
      await ada.sees(["Ada"]);
      assert.ok(await ada.page.getByRole("button", { name: "Say it" }).isDisabled(), "nothing can be sent");
      await server.start();
      await ada.is("inside");
      await ada.page.getByText("The server is away").first().waitFor({ state: "detached" });
      assert.equal(await ada.page.getByLabel("Say something").inputValue(), "half a sent");
      await ada.says("After");
      await ada.reads("Ada After");
      const [before, gap, afterwards] = await ada.transcript();
      assert.deepEqual([before, afterwards], ["Ada Before", "Ada After"]);
      assert.match(gap, /forgotten what was said/);
      assert.deepEqual(ada.unexpectedErrors(), []);
    }));
}

test("what others send is shown as text, and bounded", { timeout: 60_000 }, () =>
  withLobby(async ({ server, arrive }) => {
    const ada = await arrive();
    await ada.enter("Ada");
    const markup = "<img src=x onerror=alert(1)>";
    await ada.hears(server.url, markup, [
      { name: markup, body: `<b>bold</b> ${"x".repeat(700)}` },
      { name: { an: "object" }, body: 5 },
      {},
    ]);
    await ada.reads(markup);
    await ada.until("three entries", async () => (await ada.transcript()).length === 3);
    const [first, ...others] = await ada.transcript();
    assert.equal(first, `${markup} <b>bold</b> ${"x".repeat(280 - "<b>bold</b> ".length)}`);
    assert.deepEqual(others, ["somebody without a name", "somebody without a name"]);
    await ada.sees(["Ada", markup]);
    assert.equal(await ada.page.locator("main img").count(), 0);
    assert.deepEqual(ada.errors, []);
  }));

test("a server without the lobby says which lines to add", { timeout: 60_000 }, () =>
  withServer(() => [], async ({ arrive }) => {
    const ada = await arrive({ permissions: ["clipboard-read", "clipboard-write"], bypassCSP: true });
    await ada.tries("Ada");
    await ada.is("unserved");
    await ada.page.getByRole("alert").filter({ hasText: "This server has no lobby yet" }).waitFor();
    assert.deepEqual(await violations(ada.page), []);
    await ada.presses("Copy the lines");
    await ada.page.getByRole("button", { name: "Copied" }).waitFor();
    const copied = await ada.page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /^\[channels\."lobby:\*"\]\njoin = "anyone"\n/);
    assert.deepEqual(ada.errors, []);

    // With the copied lines there is one.
    const withCopied = async (folder) => {
      const file = join(folder, "vestibule.toml");
      await writeFile(file, copied);
      return ["--config", file];
    };
    await withServer(withCopied, async ({ arrive: arriveThere }) => {
      const ben = await arriveThere();
      await ben.enter("Ben");
      await ben.sees(["Ben"]);
    });
  }));
