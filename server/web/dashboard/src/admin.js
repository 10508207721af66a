/** The endpoints at `/admin/v1`, asked with an operator's token. */

/** The server answers sooner, or something is wrong. */
const PATIENCE_MS = 30_000;

/** What was refused, in words of the server's. */
export class AdminError extends Error {
  /** @param {{title?: string, detail?: string, status?: number}} problem as RFC 9457 has it */
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
   * One page of the rooms, by a part of their names; a page may be empty and not the last.
   *
   * @param {{name?: string, cursor?: string | null}} search
   * @param {AbortSignal} [signal] ends the question
   * @returns {Promise<{items: any[], next: string | null}>}
   */
  rooms({ name, cursor }, signal) {
    const query = new URLSearchParams({ limit: "25", ...(name && { name }), ...(cursor && { cursor }) });
    return this.#ask("GET", `rooms?${query}`, { signal });
  }

  /**
   * @param {string} rid
   * @param {AbortSignal} [signal] ends the question
   * @returns {Promise<{items: any[], next: string | null}>} who is in it now, the first page of them
   */
  members(rid, signal) {
    return this.#ask("GET", `rooms/${rid}/members`, { signal });
  }

  /** @param {string} rid */
  deleteRoom(rid) {
    return this.#ask("DELETE", `rooms/${rid}`);
  }

  /** @param {string} rid @param {string} text for everybody in the room, who hears it as the event `notice` */
  broadcast(rid, text) {
    return this.#ask("POST", `topics/room:${rid}/broadcast`, {
      body: { event: "notice", payload: { text } },
    });
  }

  async #ask(method, path, { body, signal } = {}) {
    const headers = { Authorization: `Bearer ${this.#token}` };
    if (body) headers["Content-Type"] = "application/json";
    const late = AbortSignal.timeout(PATIENCE_MS);
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
