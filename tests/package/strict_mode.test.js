/**
 * React's StrictMode mounts each component, unmounts it and mounts it again. The client must be
 * connected in the end.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";
import { openBrowser } from "../browser/browser.js";
import { freePort } from "../js/process.mjs";
import { Server, until } from "../flows/support.js";
import { Project } from "./project.js";

/** The code of the client's README. */
const APPLICATION = `
import { StrictMode, createElement, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { LocalStorage, Vestibule } from "vestibule-client";

function useVestibule(url) {
  const [client, setClient] = useState(null);
  useEffect(() => {
    console.log("mounted");
    const end = new AbortController();
    let connected;
    Vestibule.connect(url, { storage: new LocalStorage(), signal: end.signal }).then(
      (it) => setClient((connected = it)),
      (error) => end.signal.aborted || console.log(error.message),
    );
    return () => {
      end.abort();
      connected?.disconnect();
      setClient(null);
    };
  }, [url]);
  return client;
}

function Application() {
  const client = useVestibule(location.origin);
  useEffect(() => {
    if (client) console.log("connected");
  }, [client]);
  return client ? client.uid : "…";
}

const root = createRoot(document.body);
const render = (key) => root.render(createElement(StrictMode, null, createElement(Application, { key })));
globalThis.remount = render;
render(0);
`;

const LIBRARIES = ["react", "react-dom"];

let project;
let server;
let pages;
let browser;
before(async () => {
  project = await Project.begin();
  const port = await freePort();
  server = await Server.begin(() => ["--name", `127.0.0.1:${port}`]);
  await project.write("application.js", APPLICATION);
  const head = '<!doctype html><title>StrictMode</title><link rel="icon" href="data:,"><body></body>';
  await project.write("index.html", `${head}<script type="module" src="/application.js"></script>`);
  const find = (name) => [name, fileURLToPath(new URL(`node_modules/${name}`, import.meta.url))];
  // React mounts components twice only in development builds.
  const define = { "process.env.NODE_ENV": '"development"' };
  const alias = Object.fromEntries(LIBRARIES.map(find));
  const options = { root: project.folder, configFile: false, logLevel: "warn", define, resolve: { alias } };
  await build({ ...options, mode: "development" });
  const proxy = { "/v1": { target: server.url }, "/socket": { target: server.url, ws: true } };
  pages = await preview({ ...options, preview: { host: "127.0.0.1", port, proxy } });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await pages?.close();
  await server?.end();
  await project?.end();
});

test("a component that is mounted twice is connected", { timeout: 90_000 }, async () => {
  const page = await browser.newPage();
  const logged = [];
  page.on("console", (message) => message.type() === "log" && logged.push(message.text()));
  page.on("pageerror", (error) => logged.push(String(error)));
  await page.goto(pages.resolvedUrls.local[0]);
  const isConnected = () => logged.includes("connected");
  await until("it is connected", isConnected);
  assert.deepEqual(logged.slice(0, 3), ["mounted", "mounted", "connected"]);

  // A connected component is unmounted and mounted again, twice.
  for (const key of [1, 2]) {
    logged.length = 0;
    await page.evaluate((it) => globalThis.remount(it), key);
    await until("it is connected again", isConnected);
    assert.ok(logged.every((line) => line === "mounted" || line === "connected"), logged.join("\n"));
  }
  await page.close();
});
