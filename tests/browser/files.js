/** Serves the page, the client and its dependencies on an origin other than the server's. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = new URL("./", import.meta.url);
const CLIENT = new URL("../../server/web/client/", import.meta.url);

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript" };

/** @returns {URL | null} null if the path may not be read */
function fileOf(path) {
  if (path === "/") return new URL("page.html", HERE);
  if (path === "/page.js") return new URL("page.js", HERE);
  if (!path.startsWith("/client/")) return null;
  const file = new URL(`.${path.slice("/client".length)}`, CLIENT);
  return file.href.startsWith(CLIENT.href) ? file : null;
}

export class Files {
  #server;

  /** Use {@link Files.begin}. */
  constructor(server) {
    this.#server = server;
    /** @type {string} */
    this.origin = `http://127.0.0.1:${server.address().port}`;
  }

  /** @returns {Promise<Files>} */
  static async begin() {
    const server = createServer(async ({ url }, response) => {
      const file = fileOf(new URL(url, "http://files.example").pathname);
      const content = file && (await readFile(fileURLToPath(file)).catch(() => null));
      if (!content) return response.writeHead(404).end();
      response.writeHead(200, { "Content-Type": TYPES[extname(file.pathname)] }).end(content);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Files(server);
  }

  /** @returns {Promise<void>} */
  async end() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
