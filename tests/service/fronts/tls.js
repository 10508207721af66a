/** The server's own TLS. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { test } from "node:test";
import { connect } from "node:tls";
import { Server } from "../../flows/support.js";
import { CERTIFICATE, KEY, allFlows } from "./front.js";

const begin = () => Server.begin(() => ["--tls-cert", CERTIFICATE, "--tls-key", KEY]);

allFlows("TLS", begin);

test("TLS responses set HSTS except for localhost", async (context) => {
  const server = await begin();
  context.after(() => server.end());
  const headersFor = (host) =>
    new Promise((resolve, reject) => {
      const options = { headers: { host }, servername: "localhost" };
      const sent = request(`${server.url}/health/live`, options, ({ headers }) => {
        resolve([headers["strict-transport-security"], headers["x-content-type-options"]]);
      });
      sent.on("error", reject).end();
    });
  assert.deepEqual(await headersFor("chat.example.com"), ["max-age=31536000", "nosniff"]);
  assert.deepEqual(await headersFor("localhost"), [undefined, "nosniff"]);
});

test("TLS 1.2 and 1.3 with HTTP/1.1 work, older versions do not", async (context) => {
  const server = await begin();
  context.after(() => server.end());
  const { port } = new URL(server.url);
  const negotiate = (version) =>
    new Promise((resolve, reject) => {
      const options = { minVersion: version, maxVersion: version, ALPNProtocols: ["h2", "http/1.1"] };
      const socket = connect(Number(port), "127.0.0.1", options, () => {
        resolve([socket.getProtocol(), socket.alpnProtocol]);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  for (const version of ["TLSv1.2", "TLSv1.3"]) assert.deepEqual(await negotiate(version), [version, "http/1.1"]);
  await assert.rejects(negotiate("TLSv1.1"));
});
