/* Runs in a page: finds what makes it unusable on a phone. `phone.js` loads it as a script. */

const TARGETS = "a[href], button, input, select, summary, textarea";

/** The least width and height of a target, in pixels. */
const MIN_TARGET = 44;

/** Layouts may be off by a pixel because of rounding. */
const SLACK = 1;

/** Text boxes of adjacent lines overlap slightly: only larger overlaps count. */
const LEADING = 5;

/** @returns {string[]} elements that stick out, are too small for a finger, or overlap others */
function obstacles() {
  const root = document.querySelector("dialog[open]") ?? document.body;
  const targets = targetsIn(root);
  const texts = textsIn(root);
  const found = [
    ...pageFaults(),
    ...cutElements(root),
    ...smallTargets(targets),
    ...textsSticking(texts),
    ...overlaps([...targets, ...texts]),
  ];
  return [...new Set(found)];
}

function isShown(element) {
  return element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
}

function named(element) {
  const text = (element.ariaLabel ?? element.textContent).trim().replace(/\s+/g, " ").slice(0, 40);
  return `<${element.tagName.toLowerCase()}> "${text}"`;
}

/** What stays at the lower edge of the window, above the rest of the page. */
function coverOf(element) {
  const covers = [...document.querySelectorAll("section")].filter((it) => getComputedStyle(it).position === "sticky");
  return covers.find((it) => !it.contains(element));
}

/** The visible part of a box, within everything that scrolls, clips or covers it. */
function visiblePart(box, element) {
  let { left, top, right, bottom } = box;
  const cover = coverOf(element);
  if (cover) bottom = Math.min(bottom, cover.getBoundingClientRect().top);
  for (let at = element; at && at !== document.documentElement; at = at.parentElement) {
    const { overflowX, overflowY, position } = getComputedStyle(at);
    if (overflowX === "visible" && overflowY === "visible") continue;
    const frame = at.getBoundingClientRect();
    [left, top] = [Math.max(left, frame.left), Math.max(top, frame.top)];
    [right, bottom] = [Math.min(right, frame.right), Math.min(bottom, frame.bottom)];
    if (position === "fixed") break;
  }
  return right - left > SLACK && bottom - top > SLACK ? { left, top, right, bottom } : null;
}

function pageFaults() {
  const found = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth - clientWidth} pixels too wide`);
  if (innerWidth !== clientWidth || visualViewport.scale !== 1) {
    found.push(`the page is laid out for ${innerWidth} pixels, at ${visualViewport.scale} of its size`);
  }
  return found;
}

function cutElements(root) {
  const found = [];
  for (const element of root.querySelectorAll("*")) {
    const isClipping = getComputedStyle(element).overflowX !== "visible";
    const isCut = isClipping && isShown(element) && element.clientWidth > SLACK;
    const hidden = element.scrollWidth - element.clientWidth;
    if (isCut && hidden > SLACK && element.matches(":not(input, select)")) {
      found.push(`${named(element)} is ${hidden} pixels wider than its visible part`);
    }
  }
  return found;
}

function targetsIn(root) {
  const targets = [];
  for (const element of root.querySelectorAll(TARGETS)) {
    if (!isShown(element)) continue;
    // A check box can also be tapped on its label.
    const area = element.type === "checkbox" ? (element.closest("label") ?? element) : element;
    const box = area.getBoundingClientRect();
    const part = visiblePart(box, area);
    if (part) targets.push({ element: area, box, part });
  }
  return targets;
}

function smallTargets(targets) {
  const isSmall = ({ box }) => box.width < MIN_TARGET - 0.5 || box.height < MIN_TARGET - 0.5;
  return targets.filter(isSmall).map(({ element, box }) => {
    return `${named(element)} is ${Math.round(box.width)} × ${Math.round(box.height)}`;
  });
}

function textsIn(root) {
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
      if (part) texts.push({ element, node, part });
    }
  }
  return texts;
}

function textsSticking(texts) {
  const right = document.documentElement.clientWidth + SLACK;
  return texts.filter(({ part }) => part.right > right).map(({ element }) => `${named(element)} sticks out`);
}

function overlaps(items) {
  const found = [];
  for (const [index, one] of items.entries()) {
    for (const other of items.slice(index + 1)) {
      const isNested = one.element.contains(other.element) || other.element.contains(one.element);
      if (isNested || (one.node && one.node === other.node) || !doOverlap(one.part, other.part)) continue;
      found.push(`${named(one.element)} overlaps ${named(other.element)}`);
    }
  }
  return found;
}

function doOverlap(one, other) {
  const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return width > LEADING && height > LEADING;
}
