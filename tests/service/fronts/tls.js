/** The server's own TLS. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { test } from "node:test";
import { connect } from "node:tls";
import { Server } from "../../flows/support.js";
import { CERTIFICATE, KEY, fourFlows } from "./front.js";

const begin = () => Server.begin(() => ["--tls-cert", CERTIFICATE, "--tls-key", KEY]);

fourFlows("TLS", begin);

test("over TLS browsers are told to come back over it, except by localhost", async (context) => {
  const server = await begin();
  context.after(() => server.end());
  const told = (host) =>
    new Promise((resolve, reject) => {
      const options = { headers: { host }, servername: "localhost" };
      const asked = request(`${server.url}/health/live`, options, ({ headers }) => {
        resolve([headers["strict-transport-security"], headers["x-content-type-options"]]);
      });
      asked.on("error", reject).end();
    });
  assert.deepEqual(await told("chat.example.com"), ["max-age=31536000", "nosniff"]);
  assert.deepEqual(await told("localhost"), [undefined, "nosniff"]);
});

test("TLS 1.2 and 1.3 are spoken, and HTTP/1.1 inside; what is older is not", async (context) => {
  const server = await begin();
  context.after(() => server.end());
  const { port } = new URL(server.url);
  const speak = (version) =>
    new Promise((resolve, reject) => {
      const options = { minVersion: version, maxVersion: version, ALPNProtocols: ["h2", "http/1.1"] };
      const socket = connect(Number(port), "127.0.0.1", options, () => {
        resolve([socket.getProtocol(), socket.alpnProtocol]);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  for (const version of ["TLSv1.2", "TLSv1.3"]) assert.deepEqual(await speak(version), [version, "http/1.1"]);
  await assert.rejects(speak("TLSv1.1"));
});
