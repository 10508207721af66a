/**
 * The container, as far as it can be judged without building it; `make container-test` builds it.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CONFINED, STOP_TIMEOUT } from "../container/podman.js";
import { ROOT } from "./run.js";

const read = (name) => readFile(join(ROOT, name), "utf8");

/** Without line breaks, and without what continues or begins a line. */
const unwrapped = async (name) => (await read(name)).replace(/[\s#\\]+/g, " ");

test("the label has the server's version", async () => {
  const [, version] = (await read("Cargo.toml")).match(/^version = "(.+)"$/m);
  const [, label] = (await read("server/Containerfile")).match(/image\.version="(.+)"/);
  assert.equal(label, version);
});

for (const name of ["README.md", "docs/operations/install.md", "server/Containerfile"]) {
  test(`${name} starts it as its test does`, async () => {
    const text = await unwrapped(name);
    const build = "podman build --format docker --file server/Containerfile --tag vestibule .";
    assert.ok(text.includes(build), build);
    const options = `--detach --name vestibule ${STOP_TIMEOUT.join(" ")} --publish 127.0.0.1:4000:4000`;
    const run = `podman run ${options} --volume vestibule:/var/lib/vestibule vestibule`;
    assert.ok(text.includes(run), run);
  });
}

test("the documents confine it as its test does", async () => {
  for (const name of ["docs/operations/install.md", "server/Containerfile"]) {
    assert.ok((await unwrapped(name)).includes(CONFINED.join(" ")), name);
  }
});
