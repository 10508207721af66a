/**
 * A server behind a reverse proxy that is configured as in `docs/proxies`.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { request } from "node:https";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ServerProcess, freePort } from "../../js/process.mjs";
import { until } from "../../js/waiting.mjs";
import { flow } from "../../flows/flow.js";
import { bobLeaves, bobWaits, offline, online } from "../../flows/scenarios.js";
import { Server } from "../../flows/support.js";
import { ROOT } from "../run.js";

/** The files that `fronts.test.js` has created. */
export const CERTIFICATE = process.env.NODE_EXTRA_CA_CERTS;
export const KEY = process.env.VESTIBULE_TEST_KEY;

/**
 * Runs the four flows over both transports, once undisturbed and once with the server killed
 * half-way. With VESTIBULE_KILLS=everywhere in the environment the server is killed in every gap,
 * which takes two minutes for each front.
 *
 * @param {string} name
 * @param {() => Promise<Server>} begin
 */
export function allFlows(name, begin) {
  const kills = process.env.VESTIBULE_KILLS ?? "halfway";
  for (const [title, arrows] of Object.entries({ online, offline, bobLeaves, bobWaits })) {
    for (const transport of ["websocket", "longpoll"]) {
      flow(`${title} through ${name}, over ${transport}`, arrows, { transport, kills, begin });
    }
  }
}

/**
 * Reads a configuration from `docs/proxies` and replaces what depends on the machine.
 *
 * @param {string} name
 * @param {[string | RegExp, string][]} changes
 * @returns {Promise<string>}
 */
export async function documented(name, changes) {
  let text = await readFile(join(ROOT, "docs/proxies", name), "utf8");
  for (const [from, to] of changes) {
    const changed = text.replaceAll(from, to);
    assert.notEqual(changed, text, `${name} does not contain ${from}`);
    text = changed;
  }
  return text;
}

/**
 * A reverse proxy.
 *
 * @typedef {object} Program
 * @property {string} file the name of its configuration file
 * @property {(ports: {front: number, back: number}, folder: string) => Promise<string>}
 *   configuration
 * @property {(file: string) => string[]} command
 * @property {string} announcement the text that it prints once it listens
 */

/**
 * @param {Program} program
 * @param {string} folder for its files
 * @param {{front: number, back: number}} ports its own port, and the server's port
 * @returns {Promise<{url: string, end: () => Promise<void>}>} when it listens
 */
export async function start(program, folder, { front, back }) {
  const file = join(folder, program.file);
  await writeFile(file, await program.configuration({ front, back }, folder));
  const [binary, ...args] = program.command(file);
  const proxy = new ServerProcess({ binary, args, env: { HOME: folder } }, program.announcement);
  await proxy.start();
  return { url: `https://localhost:${front}`, end: () => proxy.stop("SIGTERM") };
}

/** A server behind a proxy. The server can be killed while the proxy keeps running. */
export class ServerBehind extends Server {
  #proxy;

  /**
   * @param {Program} program
   * @returns {Promise<ServerBehind>} when both listen
   */
  static async of(program) {
    const front = await freePort();
    const server = await this.begin(() => ["--trusted-proxy", "127.0.0.1", "--name", `localhost:${front}`]);
    try {
      server.#proxy = await start(program, server.folder, { front, back: Number(new URL(server.url).port) });
    } catch (error) {
      await server.end();
      throw error;
    }
    server.url = server.#proxy.url;
    return server;
  }

  async end() {
    await this.#proxy?.end();
    await super.end();
  }
}

/**
 * All tests of a proxy.
 *
 * @param {string} name
 * @param {Program} program
 */
export function proxied(name, program) {
  allFlows(name, () => ServerBehind.of(program));
  describe(`what ${name} forwards`, () => {
    test("forwards the client's Host and appends its address", async (context) => {
      const { url, forwarded } = await startBeforeRecorder(context, program);
      await fetch(url, { headers: { "x-forwarded-for": "192.0.2.7" } });
      assert.equal(forwarded[0].host, new URL(url).host);
      assert.equal(forwarded[0]["x-forwarded-for"].split(", ").at(-1), "127.0.0.1");
    });

    test("forwards nothing for another host", async (context) => {
      const { url, forwarded } = await startBeforeRecorder(context, program);
      assert.equal(await statusOf(url, "evil.example"), 421);
      // With another host from the start: some proxies refuse that in the handshake.
      const ended = await statusOf(url.replace("localhost", "127.0.0.1")).catch(() => 421);
      assert.equal(ended, 421);
      assert.deepEqual(forwarded, []);
    });

    test("logs no token", async (context) => {
      const { url, folder } = await startBeforeRecorder(context, program);
      const headers = { "x-phoenix-authtoken": "hush", "x-phoenix-longpoll-token": "hush" };
      await fetch(`${url}/socket/longpoll?vsn=2.0.0&token=hush`, { headers });
      const read = () => readFile(join(folder, "access.log"), "utf8").catch(() => "");
      await until("the access log has the request", async () => (await read()).includes("/socket/longpoll"));
      assert.ok(!(await read()).includes("hush"), await read());
    });
  });
}

/**
 * Starts the proxy in front of a server that records the forwarded headers.
 *
 * @returns {Promise<{url: string, forwarded: object[], folder: string}>}
 */
async function startBeforeRecorder(context, program) {
  const forwarded = [];
  const back = createServer(({ headers }, response) => {
    forwarded.push(headers);
    response.end();
  });
  const folder = await mkdtemp(join(tmpdir(), "vestibule-front-"));
  await new Promise((resolve) => back.listen(0, "127.0.0.1", resolve));
  let proxy;
  context.after(async () => {
    await proxy?.end();
    back.closeAllConnections();
    back.close();
    await rm(folder, { recursive: true, force: true });
  });
  proxy = await start(program, folder, { front: await freePort(), back: back.address().port });
  return { url: proxy.url, forwarded, folder };
}

/**
 * @returns {Promise<number>} the status of a request whose Host header differs from the handshake's
 *   host
 */
function statusOf(url, host = new URL(url).host) {
  return new Promise((resolve, reject) => {
    const options = { headers: { host }, servername: new URL(url).hostname };
    const sent = request(url, options, ({ statusCode }) => resolve(statusCode));
    sent.on("error", reject).end();
  });
}
