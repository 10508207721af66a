/**
 * The four flows through TLS and reverse proxies. Each runs in its own process, because Node
 * accepts a self-signed certificate only through an environment variable.
 */
import { after, before, test } from "node:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./run.js";

let folder, certificate, key;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vestibule-fronts-"));
  [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const named = ["-subj", "/CN=vestibule", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  await run("openssl", ["req", "-x509", ...made, ...named, "-keyout", key, "-out", certificate]);
});
after(() => rm(folder, { recursive: true, force: true }));

for (const front of ["tls", "nginx", "caddy"]) {
  test(`the flows work through ${front}`, { timeout: 600_000 }, async () => {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate, VESTIBULE_TEST_KEY: key };
    // Otherwise the inner run considers itself a part of this one and prints nothing.
    delete env.NODE_TEST_CONTEXT;
    await run(process.execPath, ["--test", `tests/service/fronts/${front}.js`], { env });
  });
}
