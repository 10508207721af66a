/** The approve flow between two online people, each with a browser, on pages of another origin. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, until } from "../flows/support.js";
import { openBrowser, Person } from "./browser.js";
import { Files } from "./files.js";

let browser;
let files;
let server;

before(async () => {
  files = await Files.begin();
  // Like `--origin`: without it the server accepts only pages of its own host.
  process.env.VESTIBULE_ORIGIN = files.origin;
  server = await Server.begin();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.end();
  await files?.end();
});

for (const transport of ["websocket", "longpoll"]) {
  test(`Bob gets the key, over ${transport}`, { timeout: 90_000 }, () => bobGetsTheKey(transport));
}

for (const alg of ["p256", "ed25519", "secp256k1"]) {
  test(`Chromium derives the public half of a ${alg} key`, { timeout: 60_000 }, async () => {
    const alice = await Person.arrive(browser, files.origin);
    assert.ok(await alice.does("derivesPublicKey", alg));
    await alice.leave();
  });
}

test("a storage belongs to one tab at a time", { timeout: 60_000 }, async () => {
  const alice = await Person.arrive(browser, files.origin);
  const uid = await alice.does("connect", server.url);
  const other = await alice.inAnotherTab();
  await assert.rejects(other.does("connect", server.url), /in_use: another tab has it open/);

  const waiting = other.does("connect", server.url, "websocket", { whenInUse: "wait" });
  await alice.does("disconnect");
  assert.equal(await waiting, uid);

  // A closed tab releases the storage as well.
  const again = alice.does("connect", server.url, "websocket", { whenInUse: "wait" });
  await other.closeTab();
  assert.equal(await again, uid);
  await alice.does("disconnect");
  await alice.does("connect", server.url);
  await alice.leave();
});

test("a page that mounts twice does not lock itself out", { timeout: 60_000 }, async () => {
  const alice = await Person.arrive(browser, files.origin);
  const uid = await alice.does("connect", server.url);
  await alice.does("disconnect");
  for (const after of [false, true]) {
    for (let times = 0; times < 5; times += 1) {
      assert.equal(await alice.does("remount", server.url, after), uid);
      await alice.does("disconnect");
    }
  }

  // Not even if another tab is waiting.
  assert.equal(await alice.does("remount", server.url, true), uid);
  const other = await alice.inAnotherTab();
  await assert.rejects(other.does("connect", server.url), /in_use: another tab has it open/);
  const waiting = other.does("connect", server.url, "websocket", { whenInUse: "wait" });
  waiting.catch(() => {});
  await assert.rejects(alice.does("remount", server.url, false), /in_use: another connection of this page has it open/);
  await alice.does("disconnect");
  assert.equal(await waiting, uid);
  await assert.rejects(alice.does("remount", server.url, false), /in_use: another tab has it open/);
  assert.deepEqual(await alice.value("warnings"), []);
  await alice.leave();
});

async function bobGetsTheKey(transport) {
  const alice = await Person.arrive(browser, files.origin);
  const bob = await Person.arrive(browser, files.origin);
  const people = [alice, bob];
  const uids = await Promise.all(people.map((person) => person.does("connect", server.url, transport)));

  const rid = await alice.does("createRoom");
  await bob.does("openRoom", rid);
  assert.equal(await bob.value("role"), "guest");
  const fingerprint = await bob.does("ask", "It is Bob");
  assert.deepEqual(await alice.nonEmpty("requests"), [{ note: "It is Bob", fingerprint }]);
  await alice.does("approve");
  await bob.does("whenKey");
  await bob.becomes("role", "member");
  await bob.does("send", "hello", { from: "Bob" });
  assert.deepEqual(await alice.nonEmpty("received"), [{ from: "Bob" }]);
  assert.deepEqual((await alice.atLeast(2, "present")).sort(), uids.sort());

  for (const person of people) {
    assert.deepEqual(await person.value("warnings"), []);
    assert.deepEqual(person.errors, [], "the page logs no errors");
  }

  await server.restart();
  // Messages to absent members are lost, so Bob repeats his until both are back.
  await until("Alice gets Bob's message after the server was killed", async () => {
    await bob.does("send", "hello", { from: "Bob, again" }).catch(() => {});
    return (await alice.value("received")).some(({ from }) => from === "Bob, again");
  });

  // The reloaded page takes Bob's user and key from his storage.
  await bob.reload();
  assert.ok(uids.includes(await bob.does("connect", server.url, transport)));
  await bob.does("openRoom", rid);
  await bob.becomes("role", "member");

  await Promise.all(people.map((person) => person.does("disconnect")));
  await Promise.all(people.map((person) => person.leave()));
}
