/**
 * The parts of a browser that phoenix.js needed for long poll before 1.8 introduced fetch: `self`
 * with an `XMLHttpRequest`. The clients look for `self` while loading, so this must be imported
 * first.
 */

const DONE = 4;

class XMLHttpRequest {
  #method;
  #url;
  #headers = {};
  #abort = new AbortController();

  timeout = 0;
  readyState = 0;
  status = 0;
  responseText = "";
  onreadystatechange = () => {};
  onerror = () => {};
  ontimeout = () => {};

  open(method, url) {
    this.#method = method;
    this.#url = url;
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  abort() {
    this.#abort.abort();
  }

  async send(body) {
    let timedOut = false;
    const late = () => {
      timedOut = true;
      this.#abort.abort();
    };
    const timer = this.timeout ? setTimeout(late, this.timeout) : null;
    try {
      const options = { method: this.#method, headers: this.#headers, body, signal: this.#abort.signal };
      const response = await fetch(this.#url, options);
      this.responseText = await response.text();
      this.status = response.status;
      this.readyState = DONE;
    } catch {
      if (timedOut) this.ontimeout();
      else if (!this.#abort.signal.aborted) this.onerror();
      return;
    } finally {
      clearTimeout(timer);
    }
    this.onreadystatechange();
  }
}

globalThis.self = globalThis;
globalThis.XMLHttpRequest = XMLHttpRequest;
