/** What keeps a page from being used on a phone: found by measuring, so that a picture need not be looked at. */

/** The screens of phones: a small one, and a usual one. */
export const PHONES = { "a small phone": { width: 360, height: 640 }, "a phone": { width: 390, height: 844 } };

/** A context like that of a phone's browser. */
export const asPhone = (viewport) => ({ viewport, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });

/**
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>} what sticks out of the page, what is too small for a finger, and what lies on something else
 */
export function obstacles(page) {
  return page.evaluate(() => {
    const TARGETS = "a[href], button, input, select, summary, textarea";
    const FINGER = 44;
    // Less than a pixel is the rounding of a layout.
    const SLACK = 1;
    const found = [];

    /** What is seen of a box, within all that scrolls or cuts it off. */
    const seen = (box, element) => {
      let { left, top, right, bottom } = box;
      for (let at = element; at && at !== document.documentElement; at = at.parentElement) {
        const { overflowX, overflowY, position } = getComputedStyle(at);
        if (overflowX === "visible" && overflowY === "visible") continue;
        const frame = at.getBoundingClientRect();
        [left, top] = [Math.max(left, frame.left), Math.max(top, frame.top)];
        [right, bottom] = [Math.min(right, frame.right), Math.min(bottom, frame.bottom)];
        if (position === "fixed") break;
      }
      return right - left > SLACK && bottom - top > SLACK ? { left, top, right, bottom } : null;
    };
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const dialog = document.querySelector("dialog[open]");
    const root = dialog ?? document.body;
    const named = (element) => {
      const text = (element.ariaLabel ?? element.textContent).trim().replace(/\s+/g, " ").slice(0, 40);
      return `<${element.tagName.toLowerCase()}> "${text}"`;
    };

    const tooWide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (tooWide > 0) found.push(`the page is ${tooWide} pixels too wide`);
    if (innerWidth !== document.documentElement.clientWidth || visualViewport.scale !== 1) {
      found.push(`the page is laid out for ${innerWidth} pixels, at ${visualViewport.scale} of its size`);
    }

    for (const element of root.querySelectorAll("*")) {
      const isCut = getComputedStyle(element).overflowX !== "visible" && isShown(element) && element.clientWidth > SLACK;
      const hidden = element.scrollWidth - element.clientWidth;
      if (isCut && hidden > SLACK && element.matches(":not(input, select)")) {
        found.push(`${named(element)} is ${hidden} pixels wider than what is seen of it`);
      }
    }

    const targets = [];
    for (const element of root.querySelectorAll(TARGETS)) {
      if (!isShown(element)) continue;
      // A finger that meets a check box's label meets the box.
      const area = element.type === "checkbox" ? (element.closest("label") ?? element) : element;
      const box = area.getBoundingClientRect();
      const part = seen(box, area);
      if (!part) continue;
      targets.push({ element: area, part });
      if (box.width < FINGER - 0.5 || box.height < FINGER - 0.5) {
        found.push(`${named(area)} is ${Math.round(box.width)} × ${Math.round(box.height)}`);
      }
    }

    const texts = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const element = node.parentElement;
      if (!node.data.trim() || !isShown(element)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) {
        if (box.right > document.documentElement.clientWidth + SLACK && seen(box, element)?.right > document.documentElement.clientWidth + SLACK) {
          found.push(`${named(element)} sticks out`);
        }
        const part = seen(box, element);
        if (part) texts.push({ element, node, part });
      }
    }

    /** Lines of text stand closer than their letters are high: what counts is that one covers the other. */
    const LEADING = 5;
    const overlap = (one, other) => {
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      return width > LEADING && height > LEADING;
    };
    const holds = (one, other) => one.contains(other) || other.contains(one);
    const each = [...targets, ...texts];
    for (const [index, one] of each.entries()) {
      for (const other of each.slice(index + 1)) {
        if (holds(one.element, other.element) || (one.node && one.node === other.node)) continue;
        if (overlap(one.part, other.part)) found.push(`${named(one.element)} lies on ${named(other.element)}`);
      }
    }
    return [...new Set(found)];
  });
}
