import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterAll, beforeAll, test, vi } from "vitest";
import { Clock } from "../src/clock.js";
import { fromBase64url, toBase64url } from "../src/bytes.js";
import { VestibuleError } from "../src/errors.js";
import { Session } from "../src/session.js";
import { TokenRenewal } from "../src/token-renewal.js";
import { verifyFields } from "../src/signed.js";
import { stopTimers } from "./fake-time.js";
import { makeUser } from "./support.js";

const NAME = "rooms.example";
const user = await makeUser();

/** The two sign-in endpoints, and one that requires the newest token. */
const fake = { signIns: 0, ttl: 900_000, good: null, challenge: {}, logins: [], knowsLogins: true };
const http = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  const answer = (status, json) => response.writeHead(status).end(JSON.stringify(json));
  const body = text && JSON.parse(text);
  if (request.url === "/v1/challenge") {
    return answer(200, { nonce: toBase64url(new Uint8Array(40)), server: "told.example", ...fake.challenge });
  }
  if (request.url === "/v1/session") {
    const signed = { server: NAME, uid: user.uid, nonce: body.nonce };
    const ok = await verifyFields("session", signed, body.alg, fromBase64url(body.sign_pub), body.sig);
    if (!ok) return answer(400, { reason: "bad_sig" });
    fake.signIns += 1;
    fake.logins.push(body.login);
    const account = fake.knowsLogins && body.login ? { account: "bob@example.com" } : {};
    fake.good = `token ${fake.signIns}`;
    return answer(200, { token: fake.good, uid: user.uid, exp: Date.now() + fake.ttl, ...account });
  }
  if (request.url === "/busy") {
    fake.busy -= 1;
    return fake.busy < 0 ? answer(200, {}) : answer(429, { reason: "rate_limited", retry_ms: 1 });
  }
  if (request.url === "/misdirected") return answer(421, { reason: "misdirected", detail: fake.misdirected });
  if (request.url === "/broken") return response.writeHead(502).end("<html>");
  if (request.headers.authorization === `Bearer ${fake.good}`) return answer(200, { url: request.url });
  return answer(401, { reason: "unauthorized" });
});

let base;
beforeAll(async () => {
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  base = new URL(`http://127.0.0.1:${http.address().port}`);
});
afterAll(() => http.close());

const begin = (server = NAME) => new Session({ base, server, user: user.key, uid: user.uid, clock: new Clock() });

test("the signed name is the addressed one, not the claimed one", async () => {
  const session = begin();
  assert.ok(session.stale);
  await session.renew();
  assert.equal(session.token, fake.good);
  assert.ok(!session.stale);
  await assert.rejects(begin("told.example").renew(), { reason: "bad_sig" });
});

test("simultaneous callers share one sign-in", async () => {
  const session = begin();
  const before = fake.signIns;
  await Promise.all([session.renew(), session.renew()]);
  assert.equal(fake.signIns, before + 1);
});

test("a call signs in if its token is missing or refused", async () => {
  const session = begin();
  const call = () => session.call("GET", "/any", { signedIn: true, query: { policy: "open", after: null } });
  assert.deepEqual(await call(), { url: "/any?policy=open" });
  fake.good = "another";
  assert.deepEqual(await call(), { url: "/any?policy=open" });
});

test("calls to a busy server are retried a limited number", async () => {
  const session = begin();
  fake.busy = 3;
  await session.call("GET", "/busy");
  fake.busy = 1000;
  await assert.rejects(session.call("GET", "/busy"), { reason: "rate_limited", retryMs: 1 });
  assert.equal(fake.busy, 990);
});

test("a response that is not JSON counts as unreachable", async () => {
  const session = begin();
  const broken = { reason: "unreachable", detail: "status 502 with a body that is not JSON" };
  await assert.rejects(session.call("GET", "/broken"), broken);
  const url = new URL("http://127.0.0.1:1");
  const nobody = new Session({ base: url, server: NAME, user: user.key, uid: user.uid, clock: new Clock() });
  await assert.rejects(nobody.renew(), { reason: "unreachable", detail: "no answer from http://127.0.0.1:1" });
});

/** The used parts of a phoenix.js Socket and a Session, which record the calls. */
function makeSocket({ stale = false, renew = async () => {} } = {}) {
  const log = [];
  const warnings = [];
  const socket = {
    onClose: (hook) => (socket.lose = hook),
    disconnect: (done) => (log.push("disconnect"), done()),
    connect: () => log.push("connect"),
  };
  const session = { stale, renew: () => (log.push("renew"), renew()) };
  const renewal = new TokenRenewal(socket, session, (error) => warnings.push(error));
  return { log, warnings, socket, renewal };
}

test("a refused token is renewed once for all topics", async () => {
  stopTimers();
  const { log, renewal } = makeSocket();
  renewal.refused();
  renewal.refused();
  vi.advanceTimersByTime(0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(log, ["renew", "disconnect", "connect"]);

  renewal.refused();
  vi.advanceTimersByTime(499);
  assert.equal(log.length, 3, "a refused new token is renewed after a delay");
  vi.advanceTimersByTime(1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(log.length, 6);

  renewal.accepted();
  renewal.refused();
  vi.advanceTimersByTime(0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(log.length, 9);
  renewal.refused();
  renewal.stop();
  vi.advanceTimersByTime(60_000);
  assert.equal(log.length, 9);
});

test("a failed sign-in is retried at the next refusal", async () => {
  stopTimers();
  const failure = new VestibuleError("unreachable");
  const { log, warnings, renewal } = makeSocket({ renew: () => Promise.reject(failure) });
  renewal.refused();
  vi.advanceTimersByTime(0);
  await new Promise((resolve) => setImmediate(resolve));
  renewal.refused();
  vi.advanceTimersByTime(500);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(log, ["renew", "renew"]);
  assert.deepEqual(warnings, [failure, failure]);
});

test("only a stale token is renewed on connection loss", () => {
  for (const stale of [true, false]) {
    const { log, socket } = makeSocket({ stale });
    socket.lose();
    assert.deepEqual(log, stale ? ["renew"] : []);
  }
});

test("a misdirected call's error says what to do", async () => {
  const name = base.host;
  for (const [detail, advice] of [
    ["set --name", "set --name"],
    [undefined, `use one of the server's names in the URL, or start the server with --name ${name}`],
  ]) {
    fake.misdirected = detail;
    await assert.rejects(begin().call("GET", "/misdirected"), {
      reason: "misdirected", detail: `the server does not answer to the name ${name}: ${advice}`,
    });
  }
});

test("each sign-in shows the latest login", async () => {
  const logins = ["one", "two"];
  const login = async () => logins.shift();
  const session = new Session({ base, server: NAME, user: user.key, uid: user.uid, clock: new Clock(), login });
  fake.logins = [];
  await session.renew();
  await session.renew();
  assert.deepEqual(fake.logins, ["one", "two"]);
  assert.equal(session.account, "bob@example.com");
  fake.logins = [];
  await begin().renew();
  assert.deepEqual(fake.logins, [undefined], "none where the application has none");
});

test("a server that ignores the login is not used", async () => {
  fake.knowsLogins = false;
  const login = "one";
  const session = new Session({ base, server: NAME, user: user.key, uid: user.uid, clock: new Clock(), login });
  await assert.rejects(session.renew(), { reason: "unsupported" });
  assert.equal(session.token, "");
  fake.knowsLogins = true;
});

test("a sign-in tells the time, even of an older server", async () => {
  const now = Date.now();
  for (const challenge of [{ now: now + 600_000 }, { exp: now + 660_000 }]) {
    fake.challenge = challenge;
    const clock = new Clock();
    await new Session({ base, server: NAME, user: user.key, uid: user.uid, clock }).renew();
    assert.ok(Math.abs(clock.now() - Date.now() - 600_000) < 5000);
  }
  fake.challenge = {};
});

test("a token becomes stale by the corrected clock", async () => {
  const clock = new Clock();
  const session = new Session({ base, server: NAME, user: user.key, uid: user.uid, clock });
  await session.renew();
  assert.equal(session.stale, false);
  clock.update(Date.now() + 900_000);
  assert.equal(session.stale, true);
});
