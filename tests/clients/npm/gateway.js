/** A company's proxy, as clients meet them: it passes requests on, but no WebSocket. */
import { createServer, request } from "node:http";

export class Gateway {
  #server;
  /** Sockets that asked for an upgrade: Node's server does not count them among its own any more. */
  #upgrading = new Set();

  /** Use {@link Gateway.begin}. */
  constructor(server) {
    this.#server = server;
    /** @type {number} how many upgrades were asked for */
    this.upgrades = 0;
    /** @type {string} */
    this.socketUrl = `ws://127.0.0.1:${server.address().port}/socket`;
  }

  /**
   * @param {number} port of the server behind it
   * @param {"refuse" | "swallow"} manner what becomes of an upgrade: an answer, or none ever
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
      // The client that gives up a poll must be seen to do so.
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
