/** While a flow plays, the arrow that is being drawn is in sight, however the page is scrolled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, server } from "./fixture.js";
import { PHONES, asPhone } from "./phone.js";
import { FLOWS, Visitor } from "./visitor.js";

const SCREENS = {
  "a desktop": { viewport: { width: 1280, height: 800 } },
  "a phone": asPhone(PHONES["a phone"]),
};

/** Notes each new arrow that is outside the window, or covered, at the moment it is drawn. */
function watchArrows(page) {
  return page.evaluate(() => {
    globalThis.arrows = { drawn: 0, unseen: [] };
    const list = document.querySelector(".arrows");
    const isIn = (box, frame) => box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
    const isSeen = (row) => {
      const box = row.getBoundingClientRect();
      const isInWindow = isIn(box, { top: 0, bottom: innerHeight }) && isIn(box, list.getBoundingClientRect());
      const label = row.querySelector(".label").getBoundingClientRect();
      const atLabel = document.elementFromPoint(label.left + label.width / 2, label.top + label.height / 2);
      return isInWindow && row.contains(atLabel);
    };
    new MutationObserver((changes) => {
      const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
      for (const row of added.filter((node) => node.isConnected && node.matches?.(".step"))) {
        globalThis.arrows.drawn += 1;
        const frame = list.getBoundingClientRect();
        const where = `${Math.round(row.getBoundingClientRect().top)} in ${frame.top} to ${frame.bottom}`;
        if (!isSeen(row)) globalThis.arrows.unseen.push(`${row.innerText} at ${where}, scrolled by ${scrollY}`);
      }
    }).observe(list, { childList: true });
  });
}

/** Whether the description of the step is in the window. */
const isStepInSight = (visitor) =>
  visitor.page.getByRole("status").filter({ hasText: "Step" }).evaluate((it) => {
    const { top, bottom } = it.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });

for (const [screen, options] of Object.entries(SCREENS)) {
  for (const flow of Object.keys(FLOWS)) {
    test(`every arrow of “${FLOWS[flow]}” is in sight on ${screen}`, { timeout: 60_000 }, async () => {
      const visitor = await Visitor.arrive(await browser.newContext(options), server.url);
      await watchArrows(visitor.page);
      await visitor.play(flow, "fast");
      await visitor.isOver(flow);
      const { drawn, unseen } = await visitor.page.evaluate(() => globalThis.arrows);
      assert.ok(drawn >= 10, `${drawn} arrows`);
      assert.deepEqual(unseen, []);
      await visitor.page.context().close();
    });
  }

  test(`scrolling leaves the diagram in sight on ${screen}`, { timeout: 60_000 }, async () => {
    const visitor = await Visitor.arrive(await browser.newContext(options), server.url);
    await watchArrows(visitor.page);
    await visitor.play("online", "normal");
    await visitor.isAt("Step 2");
    const reach = await visitor.page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
    assert.ok(reach > 0, "the page is longer than the window");
    for (const [step, part] of [["Step 4", 0], ["Step 6", 0.5], ["Step 8", 1]]) {
      await visitor.page.evaluate(([to]) => scrollTo({ top: to, behavior: "instant" }), [reach * part]);
      await visitor.isAt(step);
      assert.ok(await isStepInSight(visitor), `${step}, scrolled to ${part} of the page`);
    }
    await visitor.setSpeed("fast");
    await visitor.isOver("online");
    assert.deepEqual((await visitor.page.evaluate(() => globalThis.arrows)).unseen, []);

    // The visitor has the last word.
    await visitor.page.getByRole("button", { name: "Unpin" }).click();
    await visitor.page.getByRole("button", { name: "Pin", exact: true }).waitFor();
    const position = await visitor.page.locator("section.messages").evaluate((it) => getComputedStyle(it).position);
    assert.equal(position, "static");
    await visitor.page.context().close();
  });
}
