/**
 * What the server has stored of one room, as far as the people in this page can know: by what they said and were
 * answered, and by what they were shown.
 *
 * @typedef {object} StoredRequest
 * @property {string} requestId
 * @property {string} uid
 * @property {number} approves how many sealed keys wait for who asked
 *
 * @typedef {object} StoredRoom
 * @property {string | null} rid
 * @property {{name?: string, policy: string} | null} card
 * @property {StoredRequest[]} requests
 */

/**
 * @param {string | null} rid
 * @returns {StoredRoom} of which nothing is known yet
 */
export function nothingOf(rid) {
  return { rid, card: null, requests: [] };
}

/**
 * @param {StoredRoom} room
 * @param {import("./facts.js").Fact} fact
 * @param {string | undefined} uid of whose fact it is
 * @returns {StoredRoom} the same object where the fact says nothing of what is stored
 */
export function remember(room, fact, uid) {
  const { kind, event, topic, payload, response } = fact;
  const isOfRoom = topic === `room:${room.rid}` || payload?.rid === room.rid;
  if (!isOfRoom || (kind === "answered" && fact.status !== "ok")) return room;
  if (kind === "answered") return afterAnswer(room, event, payload, response, uid);
  if (kind === "came") return afterPush(room, event, payload);
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
    case "approve":
      return change(room, payload.request_id, ({ approves }) => ({ approves: approves + (response.dup ? 0 : 1) }));
    case "ack":
      return response.deleted ? without(room, (request) => request.uid === uid) : room;
    case "withdraw":
    case "deny":
      return without(room, ({ requestId }) => requestId === payload.request_id);
    default:
      return room;
  }
}

function afterPush(room, event, payload) {
  switch (event) {
    case "card":
      return { ...room, card: payload };
    case "request":
      return withItems(room, [payload]);
    case "approve":
      return change(room, payload.request_id, ({ approves }) => ({ approves: Math.max(approves, 1) }));
    case "request_gone":
      if (payload.state === "approved") return change(room, payload.request_id, () => ({ approves: 1 }));
      return without(room, ({ requestId }) => requestId === payload.request_id);
    case "denied":
    case "expired":
    case "withdrawn":
      return without(room, ({ requestId }) => requestId === payload.request_id);
    default:
      return room;
  }
}

function withItems(room, items = []) {
  const asStored = ({ request_id: requestId, uid, approvals = 0 }) => ({ requestId, uid, approves: approvals });
  return items.map(asStored).reduce((changed, request) => put(changed, request), room);
}

function put(room, request, { only } = {}) {
  const others = room.requests.filter(({ requestId }) => requestId !== request.requestId);
  if (only === "new" && others.length < room.requests.length) return room;
  return { ...room, requests: [...others, request] };
}

function change(room, id, changes) {
  const changed = (request) => (request.requestId === id ? { ...request, ...changes(request) } : request);
  return { ...room, requests: room.requests.map(changed) };
}

function without(room, isGone) {
  return { ...room, requests: room.requests.filter((request) => !isGone(request)) };
}
