/** Somebody who uses the lobby of the demo page through its texts and roles. */
import { until } from "../js/waiting.mjs";
import { Visitor } from "./visitor.js";

/** What the browser itself logs while it cannot connect. */
const NO_SERVER = /ERR_CONNECTION|WebSocket connection/;

export class LobbyGuest extends Visitor {
  /**
   * @param {import("playwright-core").BrowserContext} context
   * @param {string} url of the server
   * @returns {Promise<LobbyGuest>}
   */
  static async arrive(context, url) {
    const guest = new this(await context.newPage());
    await guest.page.goto(`${url}/#lobby`);
    await guest.page.getByRole("tab", { name: "Lobby", selected: true }).waitFor();
    return guest;
  }

  /** Enters, whatever comes of it. @param {string} name */
  async tries(name) {
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByRole("button", { name: /^(Enter|Try again)$/ }).click();
  }

  /** @param {string} name resolves when the guest is in the lobby */
  async enter(name) {
    await this.tries(name);
    await this.is("inside");
  }

  /** @param {string} status as the page has it; resolves when it is this one */
  async is(status) {
    await this.page.locator(`.lobby[data-status="${status}"]`).waitFor();
  }

  async presses(button) {
    await this.page.getByRole("button", { name: button }).click();
  }

  /** Goes offline or comes back. */
  async switches() {
    await this.page.getByRole("switch", { name: "You are online" }).click();
  }

  async says(text) {
    const field = this.page.getByLabel("Say something");
    await field.fill(text);
    await this.presses("Say it");
    await until("the field is empty again", async () => (await field.inputValue()) === "");
  }

  async reads(text) {
    await this.#list().getByRole("listitem").filter({ hasText: text }).first().waitFor();
  }

  /** @returns {Promise<string[]>} what was said, with the notes in between */
  async transcript() {
    const items = this.#list().getByRole("listitem");
    return (await items.allInnerTexts()).map((text) => text.trim());
  }

  /** @param {string[]} names of all who are there, in any order; resolves when the list has them */
  async sees(names) {
    const list = this.page.getByRole("region", { name: "Here now" }).getByRole("listitem");
    const wanted = [...names].sort().join();
    await this.until(`the list has ${wanted}`, async () => (await list.allInnerTexts()).sort().join() === wanted);
  }

  until(what, condition) {
    return until(what, condition);
  }

  /** @returns {string[]} errors that are the page's own */
  unexpectedErrors() {
    return this.errors.filter((error) => !NO_SERVER.test(error));
  }

  /**
   * Lets somebody without the page enter by this name and send these payloads.
   *
   * @param {string} url
   * @param {string} name
   * @param {object[]} payloads
   */
  async hears(url, name, payloads) {
    const frames = payloads.map((payload, index) => ["1", `${index + 2}`, "lobby:demo", "new_msg", payload]);
    const texts = [["1", "1", "lobby:demo", "phx_join", { name }], ...frames].map((frame) => JSON.stringify(frame));
    await this.page.evaluate(
      ([socketUrl, all]) => {
        globalThis.other = new WebSocket(socketUrl);
        globalThis.other.onopen = () => all.forEach((text) => globalThis.other.send(text));
      },
      [`${url.replace("http", "ws")}/socket/websocket?vsn=2.0.0`, texts],
    );
  }

  #list() {
    return this.page.getByRole("list", { name: "What is said in the lobby" });
  }
}
