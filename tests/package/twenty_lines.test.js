/** The README's example runs unchanged with the tarball, in Node and bundled in Chromium. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { build, preview } from "vite";
import { openBrowser } from "../browser/browser.js";
import { freePort } from "../js/process.mjs";
import { Server, until } from "../flows/support.js";
import { Project } from "./project.js";

const REPOSITORY = new URL("../../", import.meta.url);

const readme = await readFile(new URL("README.md", REPOSITORY), "utf8");
const [, lines] = readme.match(/^## Alice and Bob in twenty lines\n.*?^```js\n(.*?)^```\n/ms);

let project;
let server;
before(async () => {
  project = await Project.begin();
  server = await Server.begin();
  await project.write("lines.js", lines);
});
after(async () => {
  await server?.end();
  await project?.end();
});

/** @param {string[]} logged the logged lines; the first two come in either order */
function assertTheFlow(logged) {
  assert.equal(logged.length, 3, logged.join("\n"));
  const [asked] = logged.flatMap((line) => line.match(/(?<=^Alice is asked: It is Bob \().+(?=\)$)/) ?? []);
  const [asks] = logged.flatMap((line) => line.match(/(?<=^Bob asked +\().+(?=\)$)/) ?? []);
  assert.ok(asked, logged.join("\n"));
  assert.equal(asks, asked, "both see the same fingerprint");
  assert.equal(logged[2], 'Alice hears: {"from":"Bob"}');
}

test("the README shows the example, in at most twenty lines", async () => {
  const example = await readFile(new URL("server/web/client/examples/alice-and-bob.mjs", REPOSITORY), "utf8");
  assert.ok(example.endsWith(`*/\n${lines}`), "the README and the example differ");
  const count = lines.split("\n").filter(Boolean).length;
  assert.ok(count <= 20, `${count} lines`);
});

test("the package contains only the expected files", async () => {
  const files = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "examples", "examples/alice-and-bob.mjs", "index.js"];
  assert.deepEqual(await project.installed(), [...files, "package.json", "src", "types"]);
});

test("the example runs in Node", { timeout: 60_000 }, async () => {
  const { stdout, stderr } = await project.node("lines.js", server.url);
  assertTheFlow(stdout.trimEnd().split("\n"));
  assert.equal(stderr, "");
});

test("the example runs in Chromium, bundled", { timeout: 90_000 }, async (t) => {
  // Without an icon Chromium requests /favicon.ico and logs that it is missing.
  const head = '<!doctype html><title>Alice and Bob</title><link rel="icon" href="data:,">';
  await project.write("index.html", `${head}<script type="module" src="/lines.js"></script>`);
  const options = { root: project.folder, configFile: false, logLevel: "warn" };
  await build(options);
  // Page and server share an origin, as behind a reverse proxy.
  const port = await freePort();
  const behind = await Server.begin(() => ["--name", `127.0.0.1:${port}`]);
  t.after(() => behind.end());
  const proxy = { "/v1": { target: behind.url }, "/socket": { target: behind.url, ws: true } };
  const pages = await preview({ ...options, preview: { host: "127.0.0.1", port, proxy } });
  t.after(() => pages.close());
  const browser = await openBrowser();
  t.after(() => browser.close());

  const page = await browser.newPage();
  const logged = [];
  let failure = null;
  page.on("console", (message) => logged.push(message.text()));
  page.on("pageerror", (error) => (failure = error));
  await page.goto(pages.resolvedUrls.local[0]);
  await until("three lines are logged", () => {
    if (failure) throw failure;
    return logged.length >= 3;
  });
  assertTheFlow(logged);
});
