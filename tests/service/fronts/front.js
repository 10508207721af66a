/**
 * A server that is not met directly: what stands in front of it is what `docs/proxies` says.
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
import { bobLeaves, bobWaits, offline, online } from "../../flows/four.js";
import { Server } from "../../flows/support.js";
import { ROOT } from "../run.js";

/** What `front.test.js` has made. */
export const CERTIFICATE = process.env.NODE_EXTRA_CA_CERTS;
export const KEY = process.env.VESTIBULE_TEST_KEY;

/**
 * The four flows, over both transports, once undisturbed and once with the server killed half-way; or, with
 * VESTIBULE_KILLS=everywhere in the environment, in every gap, which takes two minutes for each front.
 *
 * @param {string} name
 * @param {() => Promise<Server>} begin
 */
export function fourFlows(name, begin) {
  const kills = process.env.VESTIBULE_KILLS ?? "halfway";
  for (const [title, arrows] of Object.entries({ online, offline, bobLeaves, bobWaits })) {
    for (const transport of ["websocket", "longpoll"]) {
      flow(`${title} through ${name}, over ${transport}`, arrows, { transport, kills, begin });
    }
  }
}

/**
 * A configuration of `docs/proxies`, changed only in what is a machine's own.
 *
 * @param {string} name
 * @param {[string | RegExp, string][]} changes
 * @returns {Promise<string>}
 */
export async function documented(name, changes) {
  let text = await readFile(join(ROOT, "docs/proxies", name), "utf8");
  for (const [from, to] of changes) {
    const changed = text.replaceAll(from, to);
    assert.notEqual(changed, text, `${name} has no ${from} in it`);
    text = changed;
  }
  return text;
}

/**
 * A program that proxies.
 *
 * @typedef {object} Program
 * @property {string} file name of its configuration
 * @property {(ports: {front: number, back: number}, folder: string) => Promise<string>} configuration
 * @property {(file: string) => string[]} command
 * @property {string} announcement what it says on its standard output once it listens
 */

/**
 * @param {Program} program
 * @param {string} folder for what it writes
 * @param {{front: number, back: number}} ports where it listens, and the port of what it stands in front of
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

/** A server behind a proxy; it may be killed, and the proxy stays. */
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
 * All that is asked of a proxy.
 *
 * @param {string} name
 * @param {Program} program
 */
export function proxied(name, program) {
  fourFlows(name, () => ServerBehind.of(program));
  describe(`what ${name} hands on`, () => {
    test("the host as the client wrote it, and the client's address last", async (context) => {
      const { url, heard } = await inFrontOfNothing(context, program);
      await fetch(url, { headers: { "x-forwarded-for": "192.0.2.7" } });
      assert.equal(heard[0].host, new URL(url).host);
      assert.equal(heard[0]["x-forwarded-for"].split(", ").at(-1), "127.0.0.1");
    });

    test("nothing that is for another host", async (context) => {
      const { url, heard } = await inFrontOfNothing(context, program);
      assert.equal(await statusOf(url, "evil.example"), 421);
      // By another host from the start: some proxies end it at the handshake already.
      const ended = await statusOf(url.replace("localhost", "127.0.0.1")).catch(() => 421);
      assert.equal(ended, 421);
      assert.deepEqual(heard, []);
    });

    test("no token to its access log", async (context) => {
      const { url, folder } = await inFrontOfNothing(context, program);
      const headers = { "x-phoenix-authtoken": "hush", "x-phoenix-longpoll-token": "hush" };
      await fetch(`${url}/socket/longpoll?vsn=2.0.0&token=hush`, { headers });
      const read = () => readFile(join(folder, "access.log"), "utf8").catch(() => "");
      await until("the access log has the request", async () => (await read()).includes("/socket/longpoll"));
      assert.ok(!(await read()).includes("hush"), await read());
    });
  });
}

/** @returns {Promise<{url: string, heard: object[], folder: string}>} the program in front of what notes the headers that it hands on; its files */
async function inFrontOfNothing(context, program) {
  const heard = [];
  const back = createServer(({ headers }, response) => {
    heard.push(headers);
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
  return { url: proxy.url, heard, folder };
}

/** @returns {Promise<number>} of a request that names another host in its header than in the handshake */
function statusOf(url, host = new URL(url).host) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { host }, servername: new URL(url).hostname }, ({ statusCode }) => resolve(statusCode));
    asked.on("error", reject).end();
  });
}
