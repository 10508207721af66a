/**
 * Checks of what the application hands in. What cannot be right is said at once and by its name, not by whatever would
 * trip over it later.
 */
import { utf8 } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { isId } from "./ids.js";
import { isPlainText } from "./plain-text.js";

export const POLICIES = ["open", "request", "secret"];

/** So many bytes the code of a denial may have. */
const CODE_BYTES = 64;

/**
 * @param {boolean} ok
 * @param {string} name of the argument
 * @param {string} what it must be
 * @returns {asserts ok}
 */
export function must(ok, name, what) {
  if (!ok) throw new VestibuleError("bad_argument", `\`${name}\` must be ${what}`);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {void} throws where it is none
 */
export function mustBeFunction(name, value) {
  must(typeof value === "function", name, "a function");
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {void} throws where it holds no options
 */
export function mustBeOptions(name, value) {
  must(typeof value === "object" && value !== null, name, "an object with options");
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {unknown[]} choices
 * @returns {void}
 */
export function mustBeOneOf(name, value, choices) {
  must(choices.includes(value), name, `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`);
}

/**
 * @param {string} name
 * @param {unknown} value absent is good
 * @returns {void}
 */
export function mustBeFlag(name, value) {
  must(value === undefined || typeof value === "boolean", name, "true or false");
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {string} whose
 * @returns {void}
 */
export function mustBeId(name, value, whose) {
  must(isId(value), name, `the id of ${whose}: 43 characters of base64url`);
}

/**
 * A text that the server limits, counted as the server counts: in characters, not in JavaScript's halves of them.
 *
 * @param {string} name
 * @param {unknown} value absent is good
 * @param {number} most
 * @returns {void} throws `too_large` for one that the server would not take
 */
function mustBeShort(name, value, most) {
  if (value === undefined || value === null) return;
  must(typeof value === "string", name, "a text");
  const length = [...value].length;
  if (length <= most) return;
  throw new VestibuleError("too_large", `\`${name}\` has ${length} characters, and the server takes ${most}`);
}

/**
 * A text that people are shown, and that the server limits.
 *
 * @param {string} name
 * @param {unknown} value absent is good
 * @param {number} most characters
 * @returns {void} throws `too_large` or `bad_payload` for one that the server would not take
 */
export function mustBePlain(name, value, most) {
  mustBeShort(name, value, most);
  if (isPlainText(String(value ?? ""))) return;
  const detail = `\`${name}\` must not have control or format characters, such as line breaks and unseen marks`;
  throw new VestibuleError("bad_payload", detail);
}

/**
 * @param {unknown} url
 * @returns {URL} of the server
 */
export function serverUrl(url) {
  try {
    const base = new URL(String(url));
    if (base.protocol === "https:" || base.protocol === "http:") return base;
  } catch {
    // It is told below.
  }
  throw new VestibuleError("bad_argument", "`url` must be the address of a server, such as https://rooms.example");
}

/**
 * @param {unknown} event
 * @returns {void} throws where it is no event's name
 */
export function mustBeEvent(event) {
  must(typeof event === "string" && event !== "", "event", "the name of an event");
}

/** What the protocol calls so is done by the server, or is its word, and never reaches the other members. */
const PROTOCOLS_EVENTS = new Set([
  "ack", "approve", "approved", "card", "caught_up", "creator_changed", "denials", "denied", "deny", "erased",
  "expired", "hand_over", "mine", "nack", "notices", "pending", "presence_count", "presence_diff", "presence_state", "prove", "receipt",
  "request", "request_gone", "resync", "status", "unblock", "withdraw", "withdrawn",
]);

/**
 * @param {unknown} event that is sent to other members
 * @returns {void} throws where it is no event's name, or one of the protocol's
 */
export function mustBeOwnEvent(event) {
  mustBeEvent(event);
  const isOwn = !String(event).startsWith("phx_") && !PROTOCOLS_EVENTS.has(String(event));
  must(isOwn, "event", "a name of the application's own, and not one that the protocol uses");
}

/**
 * @param {any} change of a room's card
 * @param {number} mostCharacters of its name
 * @returns {void}
 */
export function mustBeCardChange(change, mostCharacters) {
  mustBeOptions("change", change);
  if (change.policy !== undefined) mustBeOneOf("policy", change.policy, POLICIES);
  mustBeFlag("listed", change.listed);
  mustBePlain("name", change.name, mostCharacters);
}

/**
 * @param {any} request that is to be denied
 * @param {any} options
 * @returns {void}
 */
export function mustBeDenial(request, options) {
  mustBeOptions("request", request);
  must(typeof request.requestId === "string", "request.requestId", "the id of a request");
  mustBeId("request.uid", request.uid, "a user");
  mustBeOptions("options", options);
  const { code = "", block } = options;
  const isCode = typeof code === "string" && utf8(code).length <= CODE_BYTES;
  must(isCode, "code", `a text of at most ${CODE_BYTES} bytes`);
  mustBePlain("code", code, CODE_BYTES);
  mustBeFlag("block", block);
}
