/**
 * Checks of the Debian package that do not install it; `make deb-test` installs it.
 *
 * The package contains the debug binary that the other tests use; these tests check everything
 * else.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, run } from "./run.js";

const FOLDER = join(ROOT, "target/debian/debug");

const UNPACKED = join(ROOT, "target/debian/unpacked");

/** The server's package, and the one with its debug information. */
let deb, symbols;
before(async () => {
  await rm(FOLDER, { recursive: true, force: true });
  await run("mkdir", ["--parents", FOLDER]);
  const how = { cwd: join(ROOT, "server"), env: { ...process.env, PROFILE: "debug" } };
  await run("debian/rules", ["clean", "binary"], how);
  const names = (await readdir(FOLDER)).sort();
  assert.deepEqual(names.map((name) => name.split("_")[0]), ["vestibule-dbgsym", "vestibule"]);
  [symbols, deb] = names.map((name) => join(FOLDER, name));
});

test("the package has the server's version", async () => {
  const manifest = await readFile(join(ROOT, "Cargo.toml"), "utf8");
  const [, version] = manifest.match(/^version = "(.+)"$/m);
  assert.equal((await run("dpkg-deb", ["--field", deb, "Version"])).trim(), version);
});

test("all files belong to root and only root may write them", async () => {
  const listing = await run("dpkg-deb", ["--contents", deb]);
  const files = new Map(
    listing.trim().split("\n").map((line) => {
      const [mode, owner, , , , path] = line.split(/\s+/);
      assert.equal(owner, "root/root", path);
      return [path.replace(/^\./, ""), mode];
    }),
  );
  for (const [path, mode] of files) assert.match(mode, path.endsWith("/") ? /^drwxr-xr-x$/ : /^-rw[x-]r-[x-]r-[x-]$/, path);
  const expected = [
    "/etc/vestibule/vestibule.toml",
    "/lib/systemd/system/vestibule.service",
    "/lib/systemd/system/vestibule.socket",
    "/usr/lib/sysusers.d/vestibule.conf",
    "/usr/share/doc/vestibule/NEWS.Debian.gz",
    "/usr/share/doc/vestibule/changelog.gz",
    "/usr/share/doc/vestibule/copyright",
    "/usr/share/bash-completion/completions/vestibule",
    "/usr/share/doc/vestibule/examples/Caddyfile",
    "/usr/share/doc/vestibule/examples/nginx.conf",
    "/usr/share/fish/vendor_completions.d/vestibule.fish",
    "/usr/share/man/man1/vestibule.1.gz",
    "/usr/share/zsh/vendor-completions/_vestibule",
  ];
  for (const path of expected) assert.equal(files.get(path), "-rw-r--r--", path);
  assert.equal(files.get("/usr/bin/vestibule"), "-rwxr-xr-x");
  const programs = [...files].filter(([, mode]) => mode.startsWith("-") && mode.includes("x"));
  assert.deepEqual(programs.map(([path]) => path), ["/usr/bin/vestibule"]);
});

test("only the settings are in /etc, and upgrades keep them", async () => {
  assert.equal(await run("dpkg-deb", ["--info", deb, "conffiles"]), "/etc/vestibule/vestibule.toml\n");
});

test("an upgrade restarts the server but not its socket", async () => {
  const script = await run("dpkg-deb", ["--info", deb, "postinst"]);
  assert.match(script, /_dh_action=restart[^]*deb-systemd-invoke \$_dh_action 'vestibule\.service' >/);
  assert.doesNotMatch(script, /_dh_action.*socket/);
});

test("backtraces need the debug package for names and lines", async () => {
  const [program, debug] = [join(UNPACKED, "usr/bin/vestibule"), join(UNPACKED, "usr/lib/debug")];
  const source = await readFile(join(ROOT, "server/src/main.rs"), "utf8");
  const line = source.split("\n").findIndex((text) => text.startsWith("fn main() ")) + 1;
  const backtrace = () => {
    const commands = [
      `set debug-file-directory ${debug}`, "set breakpoint pending off", `file ${program}`,
      `break server/src/main.rs:${line}`, "run --version", "backtrace", "kill",
    ];
    return run("gdb", ["--batch", "--nx", ...commands.flatMap((command) => ["-ex", command]), "-ex", "quit"]);
  };
  await rm(UNPACKED, { recursive: true, force: true });
  await run("dpkg-deb", ["--extract", deb, UNPACKED]);
  assert.doesNotMatch(await run("readelf", ["--sections", "--wide", program]), / \.(debug_info|debug_line|symtab) /);
  assert.doesNotMatch(await backtrace(), /#0/);
  await run("dpkg-deb", ["--extract", symbols, UNPACKED]);
  assert.match(await backtrace(), /#0 .*main\S* \(\) at server\/src\/main\.rs:\d+\n[^]*lang_start/);
});

test("lintian finds nothing", async () => {
  assert.equal(await run("lintian", ["--allow-root", "--fail-on=warning", deb, symbols]), "");
});
