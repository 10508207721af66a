/**
 * The demo page is accessible by keyboard, on phones and in both colour schemes, and contacts no
 * other host.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { violations } from "./axe.js";
import { openBrowser } from "./browser.js";
import { PHONES, asPhone, obstacles } from "./phone.js";
import { browser, server } from "./fixture.js";
import { Visitor } from "./visitor.js";

const LOOKS = {
  "light, wide": { colorScheme: "light", viewport: { width: 1180, height: 900 } },
  "dark, wide": { colorScheme: "dark", viewport: { width: 1180, height: 900 } },
  "light, a small phone": { colorScheme: "light", ...asPhone(PHONES["a small phone"]) },
  "dark, a phone": { colorScheme: "dark", ...asPhone(PHONES["a phone"]) },
};

for (const [look, options] of Object.entries(LOOKS)) {
  test(`the demo page is accessible: ${look}`, { timeout: 90_000 }, async () => {
    // Bypasses the Content-Security-Policy for axe-core only; another test checks the policy.
    const context = await browser.newContext({ ...options, bypassCSP: true, reducedMotion: "reduce" });
    const visitor = await Visitor.arrive(context, server.url);
    const check = async (where) => {
      assert.deepEqual(await violations(visitor.page), [], where);
      const tooWide = await visitor.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(tooWide <= 0, `${where}: ${tooWide} pixels too wide`);
      if (!options.isMobile) return;
      assert.deepEqual(await obstacles(visitor.page), [], where);
      await visitor.screenshot(`demo-${look}-${where}`.replaceAll(/[, ]+/g, "-"));
    };
    await check("the page when opened");
    for (const person of ["Alice", "Bob"]) await visitor.turns(person, "online");
    await visitor.press("Alice", "Create the room");
    await check("with a room");
    await visitor.press("Bob", "Ask for the key");
    await visitor.words("Alice", "The newcomer’s words");
    await check("with a request");
    await visitor.press("Alice", "Yes: send the key");
    await visitor.hasKey("Bob");
    await visitor.says("Bob", "Hello");
    await visitor.reads("Alice", "Hello");
    await visitor.card("Bob").getByText("What this browser stores").click();
    await visitor.page.getByLabel("show every frame").check();
    await check("with the key");
    await visitor.page.getByRole("button", { name: "Alice to Channel: sends the encrypted key" }).click();
    const dialog = visitor.page.getByRole("dialog", { name: "Alice to Channel: sends the encrypted key" });
    await dialog.getByText("Only the box’s private key opens it").waitFor();
    await dialog.getByText("Complete frame").click();
    await check("with a frame");
    await visitor.screenshot(`demo-frame-${look.replaceAll(/[, ]+/g, "-")}`);
    await context.close();
  });
}

test("the keyboard is enough to get Bob the key", { timeout: 60_000 }, async () => {
  const visitor = await Visitor.arrive(await browser.newContext(), server.url);
  const { keyboard } = visitor.page;
  /** Presses Tab until the wanted element has the focus. */
  const tabTo = async (name) => {
    const passed = [];
    for (let presses = 0; presses < 80; presses += 1) {
      await keyboard.press("Tab");
      const focused = await visitor.page.evaluate(() => {
        const { tagName, ariaLabel, textContent } = document.activeElement;
        return tagName === "BUTTON" ? (ariaLabel ?? textContent) : "";
      });
      if (focused.includes(name)) return;
      passed.push(focused);
    }
    assert.fail(`"${name}" never had the focus, but ${passed.join(", ")}`);
  };
  await tabTo("Alice is online");
  await keyboard.press("Space");
  await visitor.card("Alice").getByRole("button", { name: "Create the room" }).waitFor();
  await tabTo("Create the room");
  await keyboard.press("Enter");
  await visitor.hasKey("Alice");
  await tabTo("Bob is online");
  await keyboard.press("Space");
  await visitor.card("Bob").getByRole("button", { name: "Ask for the key" }).waitFor();
  await tabTo("Ask for the key");
  await keyboard.press("Enter");
  await visitor.words("Alice", "The newcomer’s words");
  await tabTo("Yes: send the key");
  await keyboard.press("Enter");
  await visitor.hasKey("Bob");
  await tabTo("Alice to Channel: sends the encrypted key");
  await keyboard.press("Enter");
  const dialog = visitor.page.getByRole("dialog");
  await dialog.waitFor();
  await keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await visitor.page.context().close();
});

test("the policy allows only the page's own files", { timeout: 60_000 }, async () => {
  const visitor = await Visitor.arrive(await browser.newContext(), server.url);
  const policy = (await visitor.page.request.get(server.url)).headers()["content-security-policy"];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|data:|https?:/);
  const ran = await visitor.page.evaluate(async () => {
    const violated = new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => resolve(violatedDirective));
    });
    const script = document.createElement("script");
    try {
      script.text = "globalThis.intruder = true";
      document.head.append(script);
    } catch {
      // Trusted Types refuse the text before the script policy applies.
    }
    return { intruder: globalThis.intruder ?? false, violated: await violated };
  });
  assert.equal(ran.intruder, false);
  assert.match(ran.violated, /^script-src|^require-trusted-types-for/);
  await visitor.page.context().close();
});

test("a page without cryptography explains what to do", { timeout: 60_000 }, async () => {
  const elsewhere = await openBrowser(["--host-resolver-rules=MAP vestibule.example 127.0.0.1"]);
  try {
    const page = await elsewhere.newPage();
    const url = new URL(server.url);
    url.hostname = "vestibule.example";
    await page.goto(url.href);
    await page.getByRole("heading", { name: "This page needs HTTPS" }).waitFor();
    await page.getByText("ssh -L 4000:127.0.0.1:4000 vestibule.example").waitFor();
  } finally {
    await elsewhere.close();
  }
});
