/** The example of the client's README runs unchanged. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Server } from "./support.js";

const EXAMPLE = fileURLToPath(new URL("../../server/web/client/examples/alice-and-bob.mjs", import.meta.url));

test("the README's example prints the expected lines", { timeout: 30_000 }, async () => {
  const server = await Server.begin();
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [EXAMPLE, server.url], { timeout: 20_000 });
    const fingerprints = stdout.match(/[a-z]+( [a-z]+){7}(?=\))/g);
    assert.equal(fingerprints.length, 2);
    assert.equal(fingerprints[0], fingerprints[1]);
    assert.match(stdout, /Alice hears: \{"from":"Bob"\}/);
    assert.equal(stderr, "");
  } finally {
    await server.end();
  }
});
