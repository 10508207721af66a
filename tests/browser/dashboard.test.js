/** The operators' page in Chromium, while the demo page makes something happen. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server } from "../flows/support.js";
import { freePort } from "../js/process.mjs";
import { violations } from "./axe.js";
import { openBrowser } from "./browser.js";
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

for (const colorScheme of ["light", "dark"]) {
  test(`nothing keeps an operator out: ${colorScheme}`, { timeout: 60_000 }, async () => {
    const { page } = await open({ colorScheme, bypassCSP: true, viewport: { width: 390, height: 800 } });
    assert.deepEqual(await violations(page), [], "before signing in");
    await signIn(page, READER);
    await tile(page, "memory").filter({ hasText: "MiB" }).waitFor();
    assert.deepEqual(await violations(page), [], "after it");
    await page.context().close();
  });
}
