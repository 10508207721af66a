/** The operators' page in Chromium, while the demo page makes something happen. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server } from "../flows/support.js";
import { freePort } from "../js/process.mjs";
import { violations } from "./axe.js";
import { openBrowser } from "./browser.js";
import { PHONES, asPhone, obstacles } from "./phone.js";
import { screenshot } from "./screenshot.js";
import { Visitor } from "./visitor.js";

/** Who may look, and who may do everything. */
const READER = "a-reader-of-this-very-test-and-no-other";
const OPERATOR = "an-operator-of-this-very-test-and-no-other";

let server;
let admin;
let browser;
before(async () => {
  const port = await freePort();
  admin = `http://127.0.0.1:${port}`;
  server = await Server.begin(async (folder) => {
    const tokens = join(folder, "tokens");
    await writeFile(tokens, `olga read ${READER}\nfred full ${OPERATOR}\n`, { mode: 0o600 });
    return ["--admin-tokens", tokens, "--admin-listen", `127.0.0.1:${port}`];
  });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

/** Somebody who opens the page, with what it complains of and whom it asks. */
async function open(options) {
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options })).newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  const hosts = new Set();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  page.on("websocket", (socket) => hosts.add(new URL(socket.url()).host));
  await page.goto(admin);
  return { page, complaints, hosts };
}

async function signIn(page, token) {
  await page.getByLabel("Operator’s token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const tile = (page, label) => page.locator("dl.tiles div").filter({ hasText: label }).locator("dd");

test("an operator sees the flows pass, and goes on after a restart", { timeout: 90_000 }, async () => {
  const { page, complaints, hosts } = await open();
  await signIn(page, READER);
  await page.getByText("live, as olga (read)").waitFor();
  const visitor = await Visitor.arrive(await browser.newContext(), server.url);
  for (const flow of ["online", "offline"]) {
    await visitor.play(flow, "fast");
    await visitor.isOver(flow);
  }
  await tile(page, "connections").filter({ hasText: "2" }).waitFor();
  await tile(page, "rooms stored").filter({ hasText: "2" }).waitFor();
  assert.equal(await page.locator("figure canvas").count(), 8);
  const drawn = await page.locator("figure canvas").evaluateAll((all) => {
    const isInked = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean);
    return all.filter(isInked).length;
  });
  assert.equal(drawn, 8);
  assert.deepEqual([complaints, [...hosts]], [[], [new URL(admin).host]]);
  await screenshot(page, "dashboard");

  await server.restart();
  await tile(page, "rooms stored").filter({ hasText: "2" }).waitFor();
  await page.getByText("live, as olga (read)").waitFor();
  for (const context of browser.contexts()) await context.close();
});

test("rooms are found and looked into by who may read, and deleted by who may do everything", { timeout: 90_000 }, async () => {
  const context = await browser.newContext();
  const visitor = await Visitor.arrive(context, server.url);
  await visitor.turns("Alice", "online");
  await visitor.card("Alice").getByLabel("Name of a new room").fill("Orangery");
  await visitor.press("Alice", "Create the room");
  await visitor.hasKey("Alice");

  const lookInto = async ({ page }, token) => {
    await signIn(page, token);
    await page.getByLabel("Part of the name").fill("orang");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("button", { name: "Look into Orangery" }).click();
    const dialog = page.getByRole("dialog", { name: "Orangery" });
    await dialog.getByRole("list", { name: "Who is in it now" }).getByText("member").waitFor();
    return dialog;
  };
  const reader = await open();
  assert.equal(await (await lookInto(reader, READER)).getByRole("button", { name: "Delete" }).count(), 0);

  const operator = await open();
  const dialog = await lookInto(operator, OPERATOR);
  await dialog.getByLabel("Say to everybody in it").fill("We move at noon");
  await dialog.getByRole("button", { name: "Say" }).click();
  await dialog.getByText("Said to everybody who is in it.").waitFor();
  await dialog.getByRole("button", { name: "Delete the room" }).click();
  await dialog.getByRole("button", { name: "Delete it, with its requests: yes" }).click();
  await operator.page.getByRole("button", { name: "Look into Orangery" }).waitFor({ state: "detached" });
  for (const { complaints } of [reader, operator]) assert.deepEqual(complaints, []);
  for (const it of browser.contexts()) await it.close();
});

test("a wrong token is said to be one", { timeout: 60_000 }, async () => {
  const { page } = await open();
  await signIn(page, "a guess");
  await page.getByRole("alert").filter({ hasText: "does not know this token" }).waitFor();
  await page.context().close();
});

/** Makes a room, so that the dashboard has something to list. */
async function makeRoom(name) {
  const context = await browser.newContext();
  const visitor = await Visitor.arrive(context, server.url);
  await visitor.turns("Alice", "online");
  await visitor.card("Alice").getByLabel("Name of a new room").fill(name);
  await visitor.press("Alice", "Create the room");
  await visitor.hasKey("Alice");
  await context.close();
}

/** How often a page has asked for the rooms. */
function countsAsked(page) {
  const asked = { count: 0 };
  page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/admin/v1/rooms") asked.count += 1;
  });
  return asked;
}

const lookInto = (page, name) => page.getByRole("button", { name: `Look into ${name}` });

test("rooms that are made are listed by themselves, and nothing is taken from who reads", { timeout: 90_000 }, async () => {
  await makeRoom("Terrace one");
  const { page, complaints } = await open();
  await signIn(page, OPERATOR);
  const field = page.getByLabel("Part of the name");
  await field.fill("terrace");
  await page.getByRole("button", { name: "Find" }).click();
  await lookInto(page, "Terrace one").waitFor();
  // Something is being typed, and the page is scrolled.
  await field.fill("terrace two, perhaps");
  await lookInto(page, "Terrace one").focus();
  const before = await page.evaluate(() => scrollY);

  await makeRoom("Terrace two");
  await makeRoom("Orchard");
  await lookInto(page, "Terrace two").waitFor();
  assert.equal(await lookInto(page, "Orchard").count(), 0, "the search goes on");
  assert.equal(await field.inputValue(), "terrace two, perhaps");
  assert.ok(await lookInto(page, "Terrace one").evaluate((it) => it === document.activeElement), "the focus stays");
  assert.equal(await page.evaluate(() => scrollY), before);

  // A dialog stays open as well, and so does what is typed in it; who is in the room is told as it changes.
  await lookInto(page, "Terrace one").click();
  const dialog = page.getByRole("dialog", { name: "Terrace one" });
  await dialog.getByText("0 in it now").waitFor();
  await dialog.getByLabel("Say to everybody in it").fill("half a sent");
  await makeRoom("Terrace three");
  await lookInto(page, "Terrace three").waitFor({ state: "attached" });
  assert.equal(await dialog.getByLabel("Say to everybody in it").inputValue(), "half a sent");
  await page.keyboard.press("Escape");

  // Who is at a room that somebody deletes stays in the list.
  const rid = await rooms("terrace two");
  await lookInto(page, "Terrace two").focus();
  await ask("DELETE", `rooms/${rid}`);
  await lookInto(page, "Terrace two").waitFor({ state: "detached" });
  const focused = await page.evaluate(() => document.activeElement.ariaLabel);
  assert.equal(focused, "The list of rooms");
  assert.deepEqual(complaints, []);
  await page.context().close();
});

/** What an operator's tool would ask. */
async function ask(method, path) {
  const headers = { Authorization: `Bearer ${OPERATOR}` };
  const response = await fetch(`${admin}/admin/v1/${path}`, { method, headers });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
}

/** The id of a room of this name. */
async function rooms(name) {
  const { items } = await ask("GET", `rooms?name=${encodeURIComponent(name)}`);
  return items[0].rid;
}

test("nobody is asked for rooms that nobody sees", { timeout: 60_000 }, async () => {
  const page = await (await browser.newContext()).newPage();
  await page.clock.install();
  await page.goto(admin);
  await signIn(page, READER);
  await page.getByText("live, as olga (read)").waitFor();
  await page.getByRole("row").nth(1).waitFor();
  const asked = countsAsked(page);
  const hide = (isHidden) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);

  // While it is seen, once in five seconds and no more.
  const first = page.waitForResponse(/admin\/v1\/rooms/);
  await page.clock.runFor(5_500);
  await first;
  assert.equal(asked.count, 1);
  await hide(true);
  await page.clock.runFor(25_000);
  assert.equal(asked.count, 1, "while it is hidden");
  const again = page.waitForResponse(/admin\/v1\/rooms/);
  await hide(false);
  await page.clock.runFor(10);
  await again;
  assert.equal(asked.count, 2, "when it is seen again");
  await page.context().close();
});

for (const [colorScheme, phone] of [
  ["light", "a small phone"],
  ["dark", "a phone"],
]) {
  test(`nothing keeps an operator out: ${phone}, ${colorScheme}`, { timeout: 60_000 }, async () => {
    await makeRoom("A room with a name that is long enough to go over the edge");
    const { page } = await open({ colorScheme, bypassCSP: true, ...asPhone(PHONES[phone]) });
    const check = async (where) => {
      assert.deepEqual(await violations(page), [], where);
      assert.deepEqual(await obstacles(page), [], where);
      await screenshot(page, `dashboard-${phone}-${where}`.replaceAll(" ", "-"));
    };
    await check("before signing in");
    await signIn(page, OPERATOR);
    await tile(page, "memory").filter({ hasText: "MiB" }).waitFor();
    await lookInto(page, "A room with").first().waitFor();
    await check("signed in");
    // The titles of the columns are in the cards.
    const card = page.getByRole("row").filter({ hasText: "A room with" }).first();
    const title = await card.getByRole("cell").nth(1).evaluate((cell) => getComputedStyle(cell, "::before").content);
    assert.match(title, /policy/);
    await lookInto(page, "A room with").first().click();
    await page.getByRole("dialog").getByText("in it now").waitFor();
    await page.getByRole("button", { name: "Delete the room" }).click();
    await check("a room");
    await page.context().close();
  });
}
