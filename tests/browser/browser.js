/** Chromium, and people who use it: each has a context, and so a storage, of their own. */
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";

/** Headless, able to run as root, and without network requests of the browser's own. */
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

/** The time-out of all waits: nothing takes this long unless it is broken. */
export const TIMEOUT_MS = 20_000;

/**
 * @param {string[]} [flags] further flags
 * @returns {Promise<import("playwright-core").Browser>}
 */
export async function openBrowser(flags = []) {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: run tests/browser/install.sh`);
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags], timeout: TIMEOUT_MS });
}

/** Somebody who uses the reference client in a page. */
export class Person {
  #page;

  constructor(page) {
    this.#page = page;
    /** @type {string[]} errors that the page logged */
    this.errors = [];
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && this.errors.push(message.text()));
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
    page.setDefaultTimeout(TIMEOUT_MS);
    const person = new Person(page);
    await page.goto(url);
    await person.#ready();
    return person;
  }

  /** @returns {Promise<Person>} the same person in another tab of the same browser */
  inAnotherTab() {
    return Person.#open(this.#page.context(), this.#page.url());
  }

  async closeTab() {
    await this.#page.close();
  }

  /** Reloads the page: only what was stored remains of the person. */
  async reload() {
    await this.#page.reload();
    await this.#ready();
  }

  async #ready() {
    await this.#page.waitForFunction(() => "person" in globalThis);
  }

  /**
   * @param {string} step a method of `person` in page.js
   * @param {...any} values
   * @returns {Promise<any>}
   */
  does(step, ...values) {
    const call = ([name, given]) => globalThis.person[name](...given);
    return within(step, this.#page.evaluate(call, [step, values]));
  }

  /**
   * @param {string} list a list of `person` in page.js
   * @returns {Promise<any[]>} the list once it is not empty
   */
  async nonEmpty(list) {
    return this.atLeast(1, list);
  }

  /** @returns {Promise<any[]>} a list of `person` in page.js, once it has this many entries */
  async atLeast(length, list) {
    await this.#page.waitForFunction(([name, least]) => globalThis.person[name].length >= least, [list, length]);
    return this.value(list);
  }

  /** @returns {Promise<void>} when this property of `person` in page.js has this value */
  async becomes(name, value) {
    await this.#page.waitForFunction(([it, wanted]) => globalThis.person[it] === wanted, [name, value]);
  }

  /** @returns {Promise<any>} a property of `person` in page.js */
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
    timer = setTimeout(() => reject(new Error(`timed out waiting for: ${what}`)), TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
