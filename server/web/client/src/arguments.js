/**
 * Checks the application's arguments, so that a wrong one is reported at once and by its name.
 */
import { utf8 } from "./bytes.js";
import { VestibuleError } from "./errors.js";
import { isId } from "./ids.js";
import { isPlainText } from "./plain-text.js";

export const POLICIES = ["open", "request", "secret"];

/** The maximum length of a denial's code. */
const CODE_BYTES = 64;

/**
 * @param {boolean} ok
 * @param {string} name of the argument
 * @param {string} what the argument must be
 * @returns {asserts ok}
 */
export function must(ok, name, what) {
  if (!ok) throw new VestibuleError("bad_argument", `\`${name}\` must be ${what}`);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {void} throws if it is not a function
 */
export function mustBeFunction(name, value) {
  must(typeof value === "function", name, "a function");
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {void} throws if it is not an object
 */
export function mustBeOptions(name, value) {
  must(typeof value === "object" && value !== null, name, "an options object");
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
 * @param {unknown} value may be absent
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
 * Checks the length of a text as the server does: in Unicode characters, not in UTF-16 code units.
 *
 * @param {string} name
 * @param {unknown} value may be absent
 * @param {number} max
 * @returns {void} throws `too_large` if the server would not accept it
 */
function mustBeShort(name, value, max) {
  if (value === undefined || value === null) return;
  must(typeof value === "string", name, "a string");
  const length = [...value].length;
  if (length <= max) return;
  throw new VestibuleError("too_large", `\`${name}\` is ${length} characters long; the server accepts at most ${max}`);
}

/**
 * Checks a text that is shown to people.
 *
 * @param {string} name
 * @param {unknown} value may be absent
 * @param {number} max characters
 * @returns {void} throws `too_large` or `bad_payload` if the server would not accept it
 */
export function mustBePlain(name, value, max) {
  mustBeShort(name, value, max);
  if (isPlainText(String(value ?? ""))) return;
  const detail = `\`${name}\` must not contain control or format characters, such as line breaks or invisible marks`;
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
    // Reported below.
  }
  throw new VestibuleError("bad_argument", "`url` must be the URL of a server, such as https://rooms.example");
}

/**
 * @param {unknown} event
 * @returns {void} throws if it is not an event name
 */
export function mustBeEvent(event) {
  must(typeof event === "string" && event !== "", "event", "an event name");
}

/** Events of the protocol: the server handles or sends them, and never forwards them to members. */
const PROTOCOL_EVENTS = new Set([
  "ack", "approve", "approved", "card", "caught_up", "creator_changed", "denials", "denied", "deny",
  "erased", "expired", "hand_over", "mine", "nack", "notices", "pending", "presence_count",
  "presence_diff", "presence_state", "prove", "receipt", "request", "request_gone", "resync", "status",
  "unblock", "withdraw", "withdrawn",
]);

/**
 * @param {unknown} event to send to other members
 * @returns {void} throws if it is not an event name, or one of the protocol's
 */
export function mustBeOwnEvent(event) {
  mustBeEvent(event);
  const isOwn = !String(event).startsWith("phx_") && !PROTOCOL_EVENTS.has(String(event));
  must(isOwn, "event", "an event name that the protocol does not use");
}

/**
 * @param {any} change to a room's card
 * @param {number} maxCharacters the longest allowed name
 * @returns {void}
 */
export function mustBeCardChange(change, maxCharacters) {
  mustBeOptions("change", change);
  if (change.policy !== undefined) mustBeOneOf("policy", change.policy, POLICIES);
  mustBeFlag("listed", change.listed);
  mustBePlain("name", change.name, maxCharacters);
}

/**
 * @param {any} request to deny
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
  must(isCode, "code", `a string of at most ${CODE_BYTES} bytes`);
  mustBePlain("code", code, CODE_BYTES);
  mustBeFlag("block", block);
}
