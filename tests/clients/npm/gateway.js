/** A proxy as some companies use them: it forwards requests, but no WebSockets. */
import { createServer, request } from "node:http";

export class Gateway {
  #server;
  /** Sockets that requested an upgrade, which Node's server no longer tracks. */
  #upgrading = new Set();

  /** Use {@link Gateway.begin}. */
  constructor(server) {
    this.#server = server;
    /** @type {number} the number of requested upgrades */
    this.upgrades = 0;
    /** @type {string} */
    this.socketUrl = `ws://127.0.0.1:${server.address().port}/socket`;
  }

  /**
   * @param {number} port of the server behind it
   * @param {"refuse" | "swallow"} manner how to treat an upgrade: refuse it, or never answer
   * @returns {Promise<Gateway>}
   */
  static async begin(port, manner) {
    const server = createServer((incoming, outgoing) => {
      const { method, url, headers } = incoming;
      const onward = request({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on("error", () => outgoing.destroy());
      // The server must notice when a client aborts a poll.
      outgoing.on("close", () => onward.destroy());
      incoming.pipe(onward);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const gateway = new Gateway(server);
    server.on("upgrade", (_, socket) => {
      gateway.upgrades += 1;
      gateway.#upgrading.add(socket);
      socket.on("error", () => {});
      if (manner === "refuse") socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    return gateway;
  }

  /** @returns {Promise<void>} */
  async end() {
    this.#server.closeAllConnections();
    for (const socket of this.#upgrading) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
