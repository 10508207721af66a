/** The dashboard in Chromium, while the demo page causes activity. */
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

/** The tokens of an operator with read access and of one with full access. */
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

/** Opens the page and records its errors and the hosts that it contacts. */
async function open(options) {
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options })).newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  const hosts = new Set();
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  page.on("websocket", (socket) => hosts.add(new URL(socket.url()).host));
  await page.goto(admin);
  return { page, errors, hosts };
}

async function signIn(page, token) {
  await page.getByLabel("Operator token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const tile = (page, label) => page.locator("dl.tiles div").filter({ hasText: label }).locator("dd");

test("the dashboard shows activity, also after a restart", { timeout: 90_000 }, async () => {
  const { page, errors, hosts } = await open();
  await signIn(page, READER);
  await page.getByText("live, signed in as olga (read)").waitFor();
  const visitor = await Visitor.arrive(await browser.newContext(), server.url);
  for (const flow of ["online", "offline"]) {
    await visitor.play(flow, "fast");
    await visitor.isOver(flow);
  }
  await tile(page, "connections").filter({ hasText: "2" }).waitFor();
  await tile(page, "rooms stored").filter({ hasText: "2" }).waitFor();
  assert.equal(await page.locator("figure canvas").count(), 8);
  const drawn = await page.locator("figure canvas").evaluateAll((all) => {
    const isInked = (canvas) => {
      const { width, height } = canvas;
      return canvas.getContext("2d").getImageData(0, 0, width, height).data.some(Boolean);
    };
    return all.filter(isInked).length;
  });
  assert.equal(drawn, 8);
  assert.deepEqual([errors, [...hosts]], [[], [new URL(admin).host]]);
  await screenshot(page, "dashboard");

  await server.restart();
  await tile(page, "rooms stored").filter({ hasText: "2" }).waitFor();
  await page.getByText("live, signed in as olga (read)").waitFor();
  for (const context of browser.contexts()) await context.close();
});

test("read access shows rooms, full access can delete them", { timeout: 90_000 }, async () => {
  const context = await browser.newContext();
  const visitor = await Visitor.arrive(context, server.url);
  await visitor.turns("Alice", "online");
  await visitor.card("Alice").getByLabel("Name of a new room").fill("Orangery");
  await visitor.press("Alice", "Create the room");
  await visitor.hasKey("Alice");

  const openDetails = async ({ page }, token) => {
    await signIn(page, token);
    await page.getByLabel("Name contains").fill("orang");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("button", { name: "Details of Orangery" }).click();
    const dialog = page.getByRole("dialog", { name: "Orangery" });
    await dialog.getByRole("list", { name: "Connected now" }).getByText("member").waitFor();
    return dialog;
  };
  const reader = await open();
  assert.equal(await (await openDetails(reader, READER)).getByRole("button", { name: "Delete" }).count(), 0);

  const operator = await open();
  const dialog = await openDetails(operator, OPERATOR);
  await dialog.getByLabel("Message to everyone in the room").fill("We move at noon");
  await dialog.getByRole("button", { name: "Send" }).click();
  await dialog.getByText("Sent to everyone in the room.").waitFor();
  await dialog.getByRole("button", { name: "Delete the room" }).click();
  await dialog.getByRole("button", { name: "Yes, delete the room and its requests" }).click();
  await operator.page.getByRole("button", { name: "Details of Orangery" }).waitFor({ state: "detached" });
  for (const { errors } of [reader, operator]) assert.deepEqual(errors, []);
  for (const it of browser.contexts()) await it.close();
});

test("a wrong token is reported", { timeout: 60_000 }, async () => {
  const { page } = await open();
  await signIn(page, "a guess");
  await page.getByRole("alert").filter({ hasText: "does not accept this token" }).waitFor();
  await page.context().close();
});

/** Creates a room for the dashboard to list. */
async function makeRoom(name) {
  const context = await browser.newContext();
  const visitor = await Visitor.arrive(context, server.url);
  await visitor.turns("Alice", "online");
  await visitor.card("Alice").getByLabel("Name of a new room").fill(name);
  await visitor.press("Alice", "Create the room");
  await visitor.hasKey("Alice");
  await context.close();
}

/** Counts a page's requests for the list of rooms. */
function countRequests(page) {
  const requested = { count: 0 };
  page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/admin/v1/rooms") requested.count += 1;
  });
  return requested;
}

const openDetails = (page, name) => page.getByRole("button", { name: `Details of ${name}` });

test("new rooms appear without disturbing the reader", { timeout: 90_000 }, async () => {
  await makeRoom("Terrace one");
  const { page, errors } = await open();
  await signIn(page, OPERATOR);
  const field = page.getByLabel("Name contains");
  await field.fill("terrace");
  await page.getByRole("button", { name: "Search" }).click();
  await openDetails(page, "Terrace one").waitFor();
  // Text is being typed, and the page is scrolled.
  await field.fill("terrace two, perhaps");
  await openDetails(page, "Terrace one").focus();
  const before = await page.evaluate(() => scrollY);

  await makeRoom("Terrace two");
  await makeRoom("Orchard");
  await openDetails(page, "Terrace two").waitFor();
  assert.equal(await openDetails(page, "Orchard").count(), 0, "the search still applies");
  assert.equal(await field.inputValue(), "terrace two, perhaps");
  assert.ok(await openDetails(page, "Terrace one").evaluate((it) => it === document.activeElement), "the focus stays");
  assert.equal(await page.evaluate(() => scrollY), before);

  // A dialog stays open with the text typed in it, and updates its list of subscribers.
  await openDetails(page, "Terrace one").click();
  const dialog = page.getByRole("dialog", { name: "Terrace one" });
  await dialog.getByText("0 connected now").waitFor();
  await dialog.getByLabel("Message to everyone in the room").fill("half a sent");
  await makeRoom("Terrace three");
  await openDetails(page, "Terrace three").waitFor({ state: "attached" });
  assert.equal(await dialog.getByLabel("Message to everyone in the room").inputValue(), "half a sent");
  await page.keyboard.press("Escape");

  // If the focused room is deleted, the focus stays in the list.
  const rid = await rooms("terrace two");
  await openDetails(page, "Terrace two").focus();
  await callAdmin("DELETE", `rooms/${rid}`);
  await openDetails(page, "Terrace two").waitFor({ state: "detached" });
  const focused = await page.evaluate(() => document.activeElement.ariaLabel);
  assert.equal(focused, "List of rooms");
  assert.deepEqual(errors, []);
  await page.context().close();
});

/** Calls an admin endpoint. */
async function callAdmin(method, path) {
  const headers = { Authorization: `Bearer ${OPERATOR}` };
  const response = await fetch(`${admin}/admin/v1/${path}`, { method, headers });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
}

/** The id of the room with this name. */
async function rooms(name) {
  const { items } = await callAdmin("GET", `rooms?name=${encodeURIComponent(name)}`);
  return items[0].rid;
}

test("a hidden page does not request the list of rooms", { timeout: 60_000 }, async () => {
  const page = await (await browser.newContext()).newPage();
  await page.clock.install();
  await page.goto(admin);
  await signIn(page, READER);
  await page.getByText("live, signed in as olga (read)").waitFor();
  await page.getByRole("row").nth(1).waitFor();
  const requested = countRequests(page);
  const hide = (isHidden) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);

  // While visible, one request every five seconds.
  const first = page.waitForResponse(/admin\/v1\/rooms/);
  await page.clock.runFor(5_500);
  await first;
  assert.equal(requested.count, 1);
  await hide(true);
  await page.clock.runFor(25_000);
  assert.equal(requested.count, 1, "while it is hidden");
  const again = page.waitForResponse(/admin\/v1\/rooms/);
  await hide(false);
  await page.clock.runFor(10);
  await again;
  assert.equal(requested.count, 2, "when it is visible again");
  await page.context().close();
});

for (const [colorScheme, phone] of [
  ["light", "a small phone"],
  ["dark", "a phone"],
]) {
  test(`the dashboard is accessible: ${phone}, ${colorScheme}`, { timeout: 60_000 }, async () => {
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
    await openDetails(page, "A room with").first().waitFor();
    await check("signed in");
    // The cards show the columns' titles.
    const card = page.getByRole("row").filter({ hasText: "A room with" }).first();
    const title = await card.getByRole("cell").nth(1).evaluate((cell) => getComputedStyle(cell, "::before").content);
    assert.match(title, /policy/);
    await openDetails(page, "A room with").first().click();
    await page.getByRole("dialog").getByText("connected now").waitFor();
    await page.getByRole("button", { name: "Delete the room" }).click();
    await check("a room");
    await page.context().close();
  });
}
