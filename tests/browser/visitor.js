/**
 * Somebody who looks at the demo page, and does what people do there: by what it says, not by how it is built.
 */
import { PATIENCE_MS } from "./browser.js";
import { screenshot } from "./screenshot.js";

export const FLOWS = { online: "Both online", offline: "They never meet", "bob-waits": "Bob waits", "bob-leaves": "Bob leaves" };

/** How long a flow may take, with a restarted server in it. */
const FLOW_MS = 40_000;

export class Visitor {
  /** Use {@link Visitor.arrive}. */
  constructor(page) {
    /** @type {import("playwright-core").Page} */
    this.page = page;
    /** @type {string[]} what the page complained of */
    this.complaints = [];
    /** @type {Set<string>} the hosts that it asked for anything */
    this.hosts = new Set();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && this.complaints.push(message.text()));
    page.on("request", (request) => this.hosts.add(new URL(request.url()).host));
    page.on("websocket", (socket) => this.hosts.add(new URL(socket.url()).host));
  }

  /**
   * @param {import("playwright-core").BrowserContext} context windows of one context share their storage
   * @param {string} url
   * @returns {Promise<Visitor>}
   */
  static async arrive(context, url) {
    const visitor = new Visitor(await context.newPage());
    await visitor.page.goto(url);
    await visitor.page.getByRole("heading", { name: "Vestibule" }).waitFor();
    return visitor;
  }

  /** @param {keyof typeof FLOWS} flow @param {"slow" | "normal" | "fast"} pace */
  async play(flow, pace) {
    await this.setPace(pace);
    await this.page.getByRole("button", { name: FLOWS[flow] }).click();
  }

  /** @param {"slow" | "normal" | "fast"} pace */
  async setPace(pace) {
    await this.page.getByLabel("Pace").selectOption(pace);
  }

  /** @param {string} step as the page says it; resolves when the flow has come so far */
  async isAt(step) {
    await this.page.getByRole("status").filter({ hasText: step }).waitFor();
  }

  /** @param {keyof typeof FLOWS} flow resolves when it is over, and both have read what the other wrote */
  async isOver(flow) {
    const over = this.page.getByRole("status").filter({ hasText: `“${FLOWS[flow]}” is over` });
    await over.waitFor({ timeout: FLOW_MS });
    await this.reads("Alice", "I am in!");
    await this.reads("Bob", "Welcome.");
  }

  /** @returns {import("playwright-core").Locator} one person's card */
  card(person) {
    return this.page.getByRole("region", { name: person });
  }

  /** Puts somebody's switch the other way, and waits until that is so. */
  async turns(person, state) {
    const card = this.card(person);
    await card.getByRole("switch").click();
    await card.and(this.page.locator(`[data-status="${state}"]`)).waitFor();
  }

  async press(person, button) {
    await this.card(person).getByRole("button", { name: button }).click();
  }

  /** @returns {Promise<string>} the words that a person is shown, as one line */
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

  /** What the server keeps of the room, in the end: its card and nothing else. */
  async nothingIsLeft() {
    const kept = this.page.getByRole("list", { name: "What the server keeps" });
    await kept.getByRole("listitem").nth(1).waitFor({ state: "detached" });
  }

  /** @returns {Promise<string[]>} the arrows of the diagram, in words */
  arrows() {
    const list = this.page.getByRole("list", { name: "Arrows, the newest last" });
    return list.getByRole("button").evaluateAll((buttons) => buttons.map((button) => button.ariaLabel));
  }

  /** @param {string} name of the file, without its ending */
  screenshot(name) {
    return screenshot(this.page, name);
  }
}
