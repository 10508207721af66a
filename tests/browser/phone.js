/** Measures what makes a page unusable on a phone, so that nobody needs to inspect screenshots. */

/** The screens of a small and of a common phone. */
export const PHONES = { "a small phone": { width: 360, height: 640 }, "a phone": { width: 390, height: 844 } };

/** The options of a context that emulates a phone. */
export const asPhone = (viewport) => ({ viewport, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });

/**
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>} elements that stick out of the page, are too small for a finger, or
 *   overlap others
 */
export function obstacles(page) {
  return page.evaluate(() => {
    const TARGETS = "a[href], button, input, select, summary, textarea";
    const MIN_TARGET = 44;
    // Layouts may be off by a pixel because of rounding.
    const SLACK = 1;
    const found = [];

    /** The visible part of a box, within everything that scrolls or clips it. */
    const visiblePart = (box, element) => {
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
      const isClipping = getComputedStyle(element).overflowX !== "visible";
      const isCut = isClipping && isShown(element) && element.clientWidth > SLACK;
      const hidden = element.scrollWidth - element.clientWidth;
      if (isCut && hidden > SLACK && element.matches(":not(input, select)")) {
        found.push(`${named(element)} is ${hidden} pixels wider than its visible part`);
      }
    }

    const targets = [];
    for (const element of root.querySelectorAll(TARGETS)) {
      if (!isShown(element)) continue;
      // A check box can also be tapped on its label.
      const area = element.type === "checkbox" ? (element.closest("label") ?? element) : element;
      const box = area.getBoundingClientRect();
      const part = visiblePart(box, area);
      if (!part) continue;
      targets.push({ element: area, part });
      if (box.width < MIN_TARGET - 0.5 || box.height < MIN_TARGET - 0.5) {
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
        const part = visiblePart(box, element);
        if (part?.right > document.documentElement.clientWidth + SLACK) {
          found.push(`${named(element)} sticks out`);
        }
        if (part) texts.push({ element, node, part });
      }
    }

    /** Text boxes of adjacent lines overlap slightly: only larger overlaps count. */
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
        if (overlap(one.part, other.part)) found.push(`${named(one.element)} overlaps ${named(other.element)}`);
      }
    }
    return [...new Set(found)];
  });
}
