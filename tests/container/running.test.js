/** A running container, confined as the documents recommend, and clients at its published port. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SigningKey, ridOf, signFields } from "../../server/web/client/src/protocol.js";
import { PhoenixUser, reply } from "../flows/phoenix_user.js";
import { until } from "../js/waiting.mjs";
import { Container, podman } from "./podman.js";

/** What podman-healthcheck exits with if the check fails. */
const UNHEALTHY = 1;

let container;
before(async () => (container = await Container.run("running")));
after(() => container?.remove());

test("the published port serves the page and its assets", async () => {
  const page = await fetch(`${container.url}/`);
  assert.equal(page.status, 200);
  const [, script] = (await page.text()).match(/<script[^>]* src="([^"]+)"/);
  assert.equal((await fetch(new URL(script, container.url))).status, 200);
});

test("a room that phoenix.js creates outlives the container", async () => {
  const roomKey = await SigningKey.generate();
  const rid = await ridOf(roomKey.alg, roomKey.pub);
  const alice = await PhoenixUser.connect(container);
  const { channel, joined } = await alice.join(`room:${rid}`);
  assert.equal((await alice.prove(channel, joined.nonce, roomKey)).role, "member");
  const card = { version: 1, policy: "request", name: "Garden" };
  const sig = await signFields("card", { rid, ...card }, roomKey);
  assert.deepEqual(await reply(channel.push("card", { ...card, sig })), { version: 1, dup: false });
  await alice.disconnect();

  await container.stop();
  await container.remove();
  container = await Container.run("running", container.port);

  const bob = await PhoenixUser.connect(container);
  assert.equal((await bob.join(`room:${rid}`)).joined.card.name, "Garden");
  await bob.disconnect();
});

test("the server runs as user 10001 without capabilities", async () => {
  const { stdout } = await container.exec("cat", "/proc/1/status");
  const status = Object.fromEntries(stdout.split("\n").map((line) => line.split(/:\s*/, 2)));
  assert.equal(status.Name, "vestibule");
  assert.equal(status.Uid, "10001\t10001\t10001\t10001");
  assert.equal(status.Gid, "10001\t10001\t10001\t10001");
  assert.match(status.CapBnd, /^0+$/);
  assert.match(status.CapEff, /^0+$/);
  assert.equal(status.NoNewPrivs, "1");
});

test("not even root can write outside the volume", async () => {
  const refused = await container.execAsRoot("touch", "/usr/local/bin/new");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Read-only file system/);
  assert.equal((await container.exec("touch", "/var/lib/vestibule/new")).code, 0);
  assert.equal((await container.exec("stat", "--format=%u:%g %a", "/var/lib/vestibule")).stdout, "10001:10001 700");
});

test("the health check passes, and fails while the server hangs", async () => {
  assert.deepEqual(await container.healthCheck(), { code: 0, stdout: "", stderr: "" });
  await podman("kill", "--signal", "STOP", container.name);
  try {
    const begun = performance.now();
    assert.equal((await container.healthCheck()).code, UNHEALTHY);
    const seconds = (performance.now() - begun) / 1000;
    assert.ok(seconds < 15, `the check limits its own time to 4 s, and took ${seconds} s`);
  } finally {
    await podman("kill", "--signal", "CONT", container.name);
  }
  await until("the health check passes again", async () => (await container.healthCheck()).code === 0);
});

test("a stop sends the clients away, and the server exits with 0", async (t) => {
  const alice = await PhoenixUser.connect(container);
  const { channel } = await alice.join(`user:${alice.uid}`);
  let closed = false;
  alice.socket.onClose(() => (closed = true));
  assert.equal(channel.state, "joined");
  const { seconds, code } = await container.stop();
  t.diagnostic(`stopped after ${seconds.toFixed(1)} s`);
  assert.equal(code, 0, await container.logs());
  assert.ok(seconds < 10, `${seconds} s`);
  await until("the client's socket is closed", () => closed);
  await alice.disconnect();
});
