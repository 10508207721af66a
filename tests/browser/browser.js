/** Chromium, and people in it: each with a context of its own, so with a storage of their own. */
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";

/** Headless, as root too, and without asking the network for anything but what the test asks for. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Nothing in these tests takes this long unless it is broken. */
export const PATIENCE_MS = 20_000;

/**
 * @param {string[]} [flags] more of them
 * @returns {Promise<import("playwright-core").Browser>}
 */
export async function openBrowser(flags = []) {
  if (!existsSync(CHROMIUM)) throw new Error(`there is no ${CHROMIUM}: run tests/browser/install.sh`);
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags], timeout: PATIENCE_MS });
}

/** Somebody before a screen. */
export class Person {
  #page;

  constructor(page) {
    this.#page = page;
    /** @type {string[]} what the page complained of */
    this.complaints = [];
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && this.complaints.push(message.text()));
  }

  /**
   * @param {import("playwright-core").Browser} browser
   * @param {string} origin
   * @returns {Promise<Person>}
   */
  static async arrive(browser, origin) {
    return Person.#open(await browser.newContext(), origin);
  }

  static async #open(context, url) {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const person = new Person(page);
    await page.goto(url);
    await person.#ready();
    return person;
  }

  /** @returns {Promise<Person>} the same person before another tab of the same browser */
  inAnotherTab() {
    return Person.#open(this.#page.context(), this.#page.url());
  }

  async closeTab() {
    await this.#page.close();
  }

  /** Closes the page and opens it anew: what is left of a person then is what was stored. */
  async reload() {
    await this.#page.reload();
    await this.#ready();
  }

  async #ready() {
    await this.#page.waitForFunction(() => "person" in globalThis);
  }

  /**
   * @param {string} step of `person` in page.js
   * @param {...any} values
   * @returns {Promise<any>}
   */
  does(step, ...values) {
    const call = ([name, given]) => globalThis.person[name](...given);
    return within(step, this.#page.evaluate(call, [step, values]));
  }

  /**
   * @param {string} list of `person` in page.js
   * @returns {Promise<any[]>} as it is once there is something in it
   */
  async gets(list) {
    await this.#page.waitForFunction((name) => globalThis.person[name].length > 0, list);
    return this.value(list);
  }

  /** @returns {Promise<void>} when a value of `person` in page.js is this one */
  async becomes(name, value) {
    await this.#page.waitForFunction(([it, wanted]) => globalThis.person[it] === wanted, [name, value]);
  }

  /** @returns {Promise<any>} a value of `person` in page.js */
  value(name) {
    return this.#page.evaluate((it) => globalThis.person[it], name);
  }

  async leave() {
    await this.#page.context().close();
  }
}

function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
