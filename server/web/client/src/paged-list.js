/**
 * Lists that the server returns one page at a time.
 *
 * @typedef {"pending" | "denials" | "mine" | "approved" | "notices"} ListEvent
 */

/**
 * Reads a list to its end.
 *
 * @param {import("./retry-queue.js").RetryQueue} queue
 * @param {ListEvent} event
 * @param {{as?: import("./retry-queue.js").Role, cursor?: any}} [options] `cursor`: where to start;
 *   by default at the beginning
 * @returns {AsyncGenerator<any>} the items
 */
export async function* listAll(queue, event, { as, cursor } = {}) {
  do {
    const page = await queue.send(event, cursor ? { cursor } : {}, { as });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor);
}

/**
 * @param {import("./retry-queue.js").RetryQueue} queue
 * @param {ListEvent} event
 * @param {any} cursor where the rest of the list starts; null or undefined if there is no more
 * @param {(item: any) => boolean} matches
 * @returns {Promise<boolean>} whether an item in the rest of the list matches
 */
export async function listIncludes(queue, event, cursor, matches) {
  if (!cursor) return false;
  for await (const item of listAll(queue, event, { cursor })) if (matches(item)) return true;
  return false;
}
