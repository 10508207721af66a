/**
 * What the server has stored of one room, as far as the people in this page can know it from sent
 * frames, replies and pushes.
 *
 * @typedef {object} StoredRequest
 * @property {string} requestId unique only among the requests of `uid`
 * @property {string} uid
 * @property {number} approves how many encrypted keys wait for the newcomer
 *
 * @typedef {object} StoredRoom
 * @property {string | null} rid
 * @property {{name?: string, policy: string} | null} card
 * @property {StoredRequest[]} requests
 */

/**
 * @param {string | null} rid
 * @returns {StoredRoom} a room of which nothing is known yet
 */
export function emptyRoom(rid) {
  return { rid, card: null, requests: [] };
}

/**
 * @param {StoredRoom} room
 * @param {import("./recorder.js").LogEntry} entry
 * @param {string | undefined} uid of the entry's person
 * @returns {StoredRoom} the same object if the entry does not change it
 */
export function applyEntry(room, entry, uid) {
  const { kind, event, topic, payload, response } = entry;
  const isOfRoom = topic === `room:${room.rid}` || payload?.rid === room.rid;
  if (!isOfRoom || (kind === "replied" && entry.status !== "ok")) return room;
  if (kind === "replied") return afterAnswer(room, event, payload, response, uid);
  if (kind === "pushed") return afterPush(room, event, payload, uid);
  return room;
}

function afterAnswer(room, event, payload, response, uid) {
  switch (event) {
    case "card":
      return { ...room, card: payload };
    case "phx_join":
      return withItems({ ...room, card: response.card ?? room.card }, response.mine);
    case "prove":
      return withItems({ ...room, card: response.card ?? room.card, requests: [] }, response.pending);
    case "request":
      return put(room, { requestId: response.request_id, uid, approves: 0 }, { only: "new" });
    case "approve": {
      const more = response.dup ? 0 : 1;
      return change(room, payload.to, payload.request_id, ({ approves }) => ({ approves: approves + more }));
    }
    case "ack":
      return response.deleted ? without(room, (request) => request.uid === uid) : room;
    case "withdraw":
      return without(room, is(uid, payload.request_id));
    case "deny":
      return without(room, is(payload.to, payload.request_id));
    default:
      return room;
  }
}

function afterPush(room, event, payload, uid) {
  switch (event) {
    case "card":
      return { ...room, card: payload };
    case "request":
      return withItems(room, [payload]);
    case "approve":
      return change(room, payload.to, payload.request_id, ({ approves }) => ({ approves: Math.max(approves, 1) }));
    case "request_gone":
      return afterGone(room, payload);
    case "denied":
    case "expired":
    case "withdrawn":
      return without(room, is(uid, payload.request_id));
    default:
      return room;
  }
}

/** A 0.1.0 server does not send the number of approves. */
function afterGone(room, { uid, request_id: id, state, approvals = 1 }) {
  if (state === "approved") return change(room, uid, id, () => ({ approves: approvals }));
  return without(room, is(uid, id));
}

function withItems(room, items = []) {
  const asStored = ({ request_id: requestId, uid, approvals = 0 }) => ({ requestId, uid, approves: approvals });
  return items.map(asStored).reduce((changed, request) => put(changed, request), room);
}

function put(room, request, { only } = {}) {
  const others = room.requests.filter((other) => !is(request.uid, request.requestId)(other));
  if (only === "new" && others.length < room.requests.length) return room;
  return { ...room, requests: [...others, request] };
}

/** Matches both fields, because another user's request may have the same id. */
function is(uid, id) {
  return (request) => request.uid === uid && request.requestId === id;
}

function change(room, uid, id, changes) {
  const isIt = is(uid, id);
  const changed = (request) => (isIt(request) ? { ...request, ...changes(request) } : request);
  return { ...room, requests: room.requests.map(changed) };
}

function without(room, isGone) {
  return { ...room, requests: room.requests.filter((request) => !isGone(request)) };
}
