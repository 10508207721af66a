/**
 * Makes the pictures of the demo page that the documents show: `node pictures.mjs`, with the server
 * and its page built.
 */
import { fileURLToPath } from "node:url";
import { Server } from "../flows/support.js";
import { openBrowser } from "./browser.js";
import { LobbyGuest } from "./lobby_guest.js";
import { PHONES, asPhone } from "./phone.js";
import { Visitor } from "./visitor.js";

const REPOSITORY = new URL("../../", import.meta.url);
const LOBBY = fileURLToPath(new URL("server/web/demo/lobby.toml", REPOSITORY));

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { ...asPhone(PHONES["a phone"]), colorScheme: "dark", deviceScaleFactor: 1.5 };

const picture = (page, name) =>
  page.screenshot({ path: fileURLToPath(new URL(`docs/${name}.png`, REPOSITORY)), animations: "disabled" });

/** Alice looks at Bob's request while a flow plays. */
async function flow(browser, server, options, name) {
  const visitor = await Visitor.arrive(await browser.newContext({ ...options, reducedMotion: "reduce" }), server.url);
  await visitor.play("online", "slow");
  await visitor.words("Alice", "The newcomer’s words");
  await picture(visitor.page, name);
  await visitor.page.context().close();
}

/** Ben was offline for a moment, and has caught up. */
async function lobby(browser, server, options, name) {
  const enter = async (who) => {
    const guest = await LobbyGuest.arrive(await browser.newContext(options), server.url);
    await guest.enter(who);
    return guest;
  };
  const [ada, ben, eve] = [await enter("Ada"), await enter("Ben"), await enter("Eve")];
  const say = async (guest, text) => {
    await guest.says(text);
    await guest.reads(text);
  };
  await say(ada, "Hello! Who is here?");
  await say(eve, "Eve, in another window");
  await ben.reads("Eve, in");
  await ben.switches();
  await say(ada, "Is Ben still with us?");
  await say(eve, "He went offline a moment ago");
  await ben.switches();
  await ben.reads("a moment ago");
  await say(ben, "Back, and I have read everything");
  await ben.sees(["Ada", "Ben", "Eve"]);
  await picture(ben.page, name);
  for (const guest of [ada, ben, eve]) await guest.page.context().close();
}

const server = await Server.begin(() => ["--config", LOBBY]);
const browser = await openBrowser();
try {
  await flow(browser, server, DESKTOP, "demo");
  await flow(browser, server, PHONE, "demo-phone");
  await lobby(browser, server, DESKTOP, "lobby");
  await lobby(browser, server, PHONE, "lobby-phone");
} finally {
  await browser.close();
  await server.end();
}
