/** The image before it runs: its label, its files and its size. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { IMAGE, podman } from "./podman.js";

/** The most bytes that the image may add to the Debian that it starts from. */
const MOST_BYTES = 40e6;

let image;
before(async () => ([image] = JSON.parse(await podman("image", "inspect", IMAGE))));

test("the label has the version of the server", async () => {
  const version = await podman("run", "--rm", IMAGE, "--version");
  assert.equal(version, `vestibule ${image.Labels["org.opencontainers.image.version"]}`);
});

test("the image adds one program and the data folder to Debian", async (t) => {
  const changes = JSON.parse(await podman("image", "diff", "--format", "json", IMAGE, "localhost/debian"));
  const added = ["/usr/local/bin/vestibule", "/var/lib/vestibule"];
  assert.deepEqual(changes.added?.sort(), added);
  assert.deepEqual(changes.deleted ?? [], []);
  // Podman puts files of its own into /etc while a step runs.
  const touched = new Set(["/etc", "/usr", "/usr/local", "/usr/local/bin", "/var", "/var/lib"]);
  assert.deepEqual((changes.changed ?? []).filter((path) => !touched.has(path)), []);

  const [debian] = JSON.parse(await podman("image", "inspect", "localhost/debian"));
  const bytes = image.Size - debian.Size;
  t.diagnostic(`${image.Size} bytes, of which Debian has ${debian.Size}`);
  assert.ok(bytes > 0 && bytes < MOST_BYTES, `${bytes} bytes`);
});
