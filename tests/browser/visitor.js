/**
 * Somebody who uses the demo page through its texts and roles, independent of its structure.
 */
import { TIMEOUT_MS } from "./browser.js";
import { screenshot } from "./screenshot.js";

export const FLOWS = {
  online: "Both online",
  offline: "Never online together",
  "bob-waits": "Bob waits",
  "bob-leaves": "Bob leaves",
};

/** How long a flow may take, including a server restart. */
const FLOW_MS = 40_000;

export class Visitor {
  /** Use {@link Visitor.arrive}. */
  constructor(page) {
    /** @type {import("playwright-core").Page} */
    this.page = page;
    /** @type {string[]} errors that the page logged */
    this.errors = [];
    /** @type {Set<string>} the hosts that the page contacted */
    this.hosts = new Set();
    page.setDefaultTimeout(TIMEOUT_MS);
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && this.errors.push(message.text()));
    page.on("request", (request) => this.hosts.add(new URL(request.url()).host));
    page.on("websocket", (socket) => this.hosts.add(new URL(socket.url()).host));
  }

  /**
   * @param {import("playwright-core").BrowserContext} context windows of one context share their
   *   storage
   * @param {string} url
   * @returns {Promise<Visitor>}
   */
  static async arrive(context, url) {
    const visitor = new Visitor(await context.newPage());
    await visitor.page.goto(url);
    await visitor.page.getByRole("heading", { name: "Vestibule" }).waitFor();
    return visitor;
  }

  /** @param {keyof typeof FLOWS} flow @param {"slow" | "normal" | "fast"} speed */
  async play(flow, speed) {
    await this.setSpeed(speed);
    await this.page.getByRole("button", { name: FLOWS[flow] }).click();
  }

  /** @param {"slow" | "normal" | "fast"} speed */
  async setSpeed(speed) {
    await this.page.getByLabel("Speed").selectOption(speed);
  }

  /** @param {string} step as the page describes it; resolves when the flow reaches it */
  async isAt(step) {
    await this.page.getByRole("status").filter({ hasText: step }).waitFor();
  }

  /**
   * @param {keyof typeof FLOWS} flow resolves when it is complete and each has received the other's
   *   message
   */
  async isOver(flow) {
    const over = this.page.getByRole("status").filter({ hasText: `“${FLOWS[flow]}” is complete` });
    await over.waitFor({ timeout: FLOW_MS });
    await this.reads("Alice", "I am in!");
    await this.reads("Bob", "Welcome.");
  }

  /** @returns {import("playwright-core").Locator} one person's card */
  card(person) {
    return this.page.getByRole("region", { name: person });
  }

  /** Toggles a person's switch and waits for the new state. */
  async turns(person, state) {
    const card = this.card(person);
    await card.getByRole("switch").click();
    await card.and(this.page.locator(`[data-status="${state}"]`)).waitFor();
  }

  async press(person, button) {
    await this.card(person).getByRole("button", { name: button }).click();
  }

  /** @returns {Promise<string>} the words shown to a person, as one line */
  async words(person, label) {
    const group = this.card(person).getByRole("group", { name: label });
    await group.waitFor();
    return (await group.locator("span").allTextContents()).join(" ");
  }

  async says(person, text) {
    const card = this.card(person);
    await card.getByLabel("Message", { exact: true }).fill(text);
    await card.getByRole("button", { name: "Send" }).click();
  }

  async reads(person, text) {
    await this.card(person).getByRole("listitem").filter({ hasText: text }).first().waitFor();
  }

  async hasKey(person) {
    await this.card(person).getByText(`${person} has the room’s key.`).waitFor();
  }

  /** Waits until the server stores only the room's card. */
  async nothingIsLeft() {
    const kept = this.page.getByRole("list", { name: "What the server stores" });
    await kept.getByRole("listitem").nth(1).waitFor({ state: "detached" });
  }

  /** @returns {Promise<string[]>} the labels of the diagram's arrows */
  arrows() {
    const list = this.page.getByRole("list", { name: "Messages, newest last" });
    return list.getByRole("button").evaluateAll((buttons) => buttons.map((button) => button.ariaLabel));
  }

  /** @param {string} name of the file, without its extension */
  screenshot(name) {
    return screenshot(this.page, name);
  }
}
