/** The demo page's tabs, and both tabs in all looks. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "../flows/support.js";
import { violations } from "./axe.js";
import { openBrowser } from "./browser.js";
import { LobbyGuest } from "./lobby_guest.js";
import { PHONES, asPhone, obstacles } from "./phone.js";
import { screenshot } from "./screenshot.js";
import { Visitor } from "./visitor.js";

const LOBBY = fileURLToPath(new URL("../../server/web/demo/lobby.toml", import.meta.url));

let server;
let browser;
before(async () => {
  server = await Server.begin(() => ["--config", LOBBY]);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

const tab = (page, name) => page.getByRole("tab", { name });

const fragment = (page) => page.evaluate(() => location.hash);

test("arrow keys choose a tab, and each keeps its state", { timeout: 60_000 }, async () => {
  const visitor = await Visitor.arrive(await browser.newContext(), server.url);
  const { page } = visitor;
  await visitor.turns("Alice", "online");
  await visitor.card("Alice").getByLabel("Name of a new room").fill("Half a na");
  await tab(page, "A key for Bob").focus();
  for (const [key, name] of [["ArrowRight", "Lobby"], ["ArrowRight", "A key for Bob"], ["ArrowLeft", "Lobby"],
    ["Home", "A key for Bob"], ["End", "Lobby"]]) {
    await page.keyboard.press(key);
    await page.getByRole("tab", { name, selected: true }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), name);
    await page.getByRole("tabpanel", { name }).waitFor();
    assert.equal(await page.getByRole("tabpanel").count(), 1, "one panel at a time");
  }
  assert.equal(await fragment(page), "#lobby");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.name), "name", "Tab leaves the tabs for the panel");
  await page.getByLabel("Your name").fill("Ad");
  await tab(page, "A key for Bob").click();
  assert.equal(await visitor.card("Alice").getByLabel("Name of a new room").inputValue(), "Half a na");
  await visitor.press("Alice", "Create the room");
  await visitor.hasKey("Alice");
  assert.match(await fragment(page), /^#[\w-]{43}$/);
  await tab(page, "Lobby").click();
  assert.equal(await page.getByLabel("Your name").inputValue(), "Ad");
  assert.deepEqual(visitor.errors, []);
  await page.context().close();
});

test("a link leads to a tab", { timeout: 60_000 }, async () => {
  const guest = await LobbyGuest.arrive(await browser.newContext(), server.url);
  assert.equal(await fragment(guest.page), "#lobby");
  assert.equal(await guest.page.title(), "Vestibule: a lobby");
  await guest.page.reload();
  await guest.page.getByRole("tab", { name: "Lobby", selected: true }).waitFor();
  await guest.page.evaluate(() => (location.hash = ""));
  await guest.page.getByRole("tab", { name: "A key for Bob", selected: true }).waitFor();
  await guest.page.evaluate(() => (location.hash = "#lobby"));
  await guest.page.getByRole("tab", { name: "Lobby", selected: true }).waitFor();
  await guest.page.context().close();
});

const SCREENS = {
  "a desktop": { viewport: { width: 1280, height: 800 } },
  "a phone": asPhone(PHONES["a phone"]),
  "a narrow phone": asPhone({ width: 320, height: 640 }),
};

for (const colorScheme of ["light", "dark"]) {
  for (const [screen, options] of Object.entries(SCREENS)) {
    test(`the lobby is accessible on ${screen}, ${colorScheme}`, { timeout: 90_000 }, async () => {
      const all = { ...options, colorScheme, bypassCSP: true, reducedMotion: "reduce" };
      const guest = await LobbyGuest.arrive(await browser.newContext(all), server.url);
      const check = async (where) => {
        assert.deepEqual(await violations(guest.page), [], where);
        if (options.isMobile) assert.deepEqual(await obstacles(guest.page), [], where);
        await screenshot(guest.page, `lobby-${screen}-${colorScheme}-${where}`.replaceAll(" ", "-"));
      };
      await check("when opened");
      const name = "Ada with a name of forty characters, w";
      await guest.enter(name);
      await guest.says("One word that is far too long for any phone: Rindfleischetikettierungsüberwachungsaufgaben");
      await guest.reads("Rindfleisch");
      await check("inside");
      await guest.switches();
      await guest.is("offline");
      await check("offline");
      await guest.page.context().close();
    });

    test(`a flow is accessible on ${screen}, ${colorScheme}`, { timeout: 90_000 }, async () => {
      const all = { ...options, colorScheme, bypassCSP: true, reducedMotion: "reduce" };
      const visitor = await Visitor.arrive(await browser.newContext(all), server.url);
      const check = async (where) => {
        assert.deepEqual(await violations(visitor.page), [], where);
        if (options.isMobile) assert.deepEqual(await obstacles(visitor.page), [], where);
      };
      await visitor.play("online", "slow");
      await visitor.isAt("Step 4");
      await check("while it plays");
      await visitor.setSpeed("fast");
      await visitor.isOver("online");
      await check("when it is over");
      await visitor.page.context().close();
    });
  }
}

/** Notes what moved, but for entries within their own list: a new one makes room for itself. */
function watchShifts(page) {
  return page.addInitScript(() => {
    globalThis.shifts = [];
    const movedNodes = ({ sources }) => sources.flatMap(({ node }) => node?.parentElement ?? []);
    const isOutside = (element) => !element.closest(".transcript, .names");
    const note = (entries) => {
      const moved = entries.flatMap(movedNodes).filter(isOutside);
      globalThis.shifts.push(...moved.map(({ outerHTML }) => outerHTML.slice(0, 120)));
    };
    const observer = new PerformanceObserver((list) => note(list.getEntries()));
    observer.observe({ type: "layout-shift", buffered: true });
    globalThis.noteTheLast = () => note(observer.takeRecords());
  });
}

test("nothing moves by itself at 320 pixels", { timeout: 60_000 }, async () => {
  const ben = await LobbyGuest.arrive(await browser.newContext(), server.url);
  for (const path of ["", "#lobby"]) {
    const context = await browser.newContext({ ...asPhone({ width: 320, height: 640 }), reducedMotion: "reduce" });
    const ada = new LobbyGuest(await context.newPage());
    await watchShifts(ada.page);
    await ada.page.goto(`${server.url}/${path}`);
    await ada.page.getByRole("tab", { name: "Lobby" }).waitFor();
    if (path) {
      await ada.enter("Ada");
      // From here on the guest does nothing: others come, speak and go, and so does the server.
      // Only what is in the window counts.
      await ada.page.getByRole("region", { name: "Here now" }).evaluate((it) => it.scrollIntoView());
      await ada.page.evaluate(() => (globalThis.shifts.length = 0));
      await ben.enter("Ben");
      await ada.sees(["Ada", "Ben"]);
      await ben.says("Hello");
      await ada.reads("Ben Hello");
      await server.stop();
      await ada.is("away");
      await server.start();
      await ada.is("inside");
      await ada.sees(["Ada", "Ben"]);
    }
    await ada.page.evaluate(() => globalThis.noteTheLast());
    assert.deepEqual(await ada.page.evaluate(() => globalThis.shifts), [], path);
    const tooWide = await ada.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(tooWide <= 0, `${tooWide} pixels too wide`);
    await context.close();
  }
  await ben.page.context().close();
});
