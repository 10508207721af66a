/** A server and a browser for all tests of a file. */
import { after, before } from "node:test";
import { Server } from "../flows/support.js";
import { openBrowser } from "./browser.js";

/** @type {Server} */
export let server;
/** @type {import("playwright-core").Browser} */
export let browser;

before(async () => {
  [server, browser] = await Promise.all([Server.begin(), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await server?.end();
});
