/**
 * Checks of the systemd units with systemd's own tools, which need no running systemd.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "./run.js";

/** The highest allowed exposure level, in tenths. A service without any hardening has 96. */
const MOST_EXPOSURE = 15;

/** How long clients may take to disconnect, as in `server/src/shutdown.rs`. */
const DRAIN_SECONDS = 10;

const UNITS = ["vestibule.service", "vestibule.socket"];

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vestibule-units-"));
  for (const name of UNITS) {
    const text = await readFile(join(ROOT, "server/systemd", name), "utf8");
    // The server is not installed here, but systemd checks that the executable exists.
    await writeFile(join(folder, name), text.replaceAll("/usr/bin/vestibule", process.execPath));
  }
});
after(() => rm(folder, { recursive: true, force: true }));

test("systemd accepts the units", async () => {
  const said = await run("sh", ["-c", 'exec systemd-analyze verify --man=no "$@" 2>&1', "sh", ...UNITS.map(at)]);
  assert.equal(said, "");
});

test("the service's exposure level is low", async () => {
  const options = ["--offline=true", `--threshold=${MOST_EXPOSURE}`, "--no-pager"];
  const table = await run("systemd-analyze", ["security", ...options, at("vestibule.service")]);
  assert.match(table, /Overall exposure level for vestibule\.service: \S+ OK/);
});

test("systemd's stop time-out exceeds the server's drain time", async () => {
  const service = await readFile(at("vestibule.service"), "utf8");
  const [, seconds] = service.match(/^TimeoutStopSec=(\d+)$/m);
  assert.ok(Number(seconds) > DRAIN_SECONDS, seconds);
  const shutdown = await readFile(join(ROOT, "server/src/shutdown.rs"), "utf8");
  assert.ok(shutdown.includes(`PATIENCE: Duration = Duration::from_secs(${DRAIN_SECONDS})`));
});

function at(name) {
  return join(folder, name);
}
