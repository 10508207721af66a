/** A client of the endpoints at `/admin/v1`, which need an operator's token. */

/** A request that takes longer has failed. */
const TIMEOUT_MS = 30_000;

/** A refused request, with the server's explanation. */
export class AdminError extends Error {
  /** @param {{title?: string, detail?: string, status?: number}} problem as defined by RFC 9457 */
  constructor({ title, detail, status }) {
    super(detail ?? title ?? `status ${status}`);
    this.status = status;
  }
}

export class Admin {
  #token;

  /** @param {string} token */
  constructor(token) {
    this.#token = token;
  }

  /**
   * Lists one page of the rooms whose names contain a text. An empty page need not be the last.
   *
   * @param {{name?: string, cursor?: string | null}} search
   * @param {AbortSignal} [signal] aborts the request
   * @returns {Promise<{items: any[], next: string | null}>}
   */
  rooms({ name, cursor }, signal) {
    const query = new URLSearchParams({ limit: "25", ...(name && { name }), ...(cursor && { cursor }) });
    return this.#request("GET", `rooms?${query}`, { signal });
  }

  /**
   * @param {string} rid
   * @param {AbortSignal} [signal] aborts the request
   * @returns {Promise<{items: any[], next: string | null}>} the first page of the room's current
   *   subscribers
   */
  members(rid, signal) {
    return this.#request("GET", `rooms/${rid}/members`, { signal });
  }

  /** @param {string} rid */
  deleteRoom(rid) {
    return this.#request("DELETE", `rooms/${rid}`);
  }

  /**
   * @param {string} rid @param {string} text for everyone in the room, sent as the event `notice`
   */
  broadcast(rid, text) {
    return this.#request("POST", `topics/room:${rid}/broadcast`, {
      body: { event: "notice", payload: { text } },
    });
  }

  async #request(method, path, { body, signal } = {}) {
    const headers = { Authorization: `Bearer ${this.#token}` };
    if (body) headers["Content-Type"] = "application/json";
    const late = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`/admin/v1/${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    const answer = await response.json().catch(() => ({ status: response.status }));
    if (!response.ok) throw new AdminError(answer);
    return answer;
  }
}
