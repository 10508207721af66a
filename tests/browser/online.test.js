/** The approve flow while both are online, between two people with a browser each and pages of another origin. */
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
  // As `--origin` would: without it the server takes no page but its own host's.
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

test("one tab at a time uses a storage", { timeout: 60_000 }, async () => {
  const alice = await Person.arrive(browser, files.origin);
  const uid = await alice.does("connect", server.url);
  const other = await alice.inAnotherTab();
  await assert.rejects(other.does("connect", server.url), /in_use: another tab has it open/);

  const waiting = other.does("connect", server.url, "websocket", { whenInUse: "wait" });
  await alice.does("disconnect");
  assert.equal(await waiting, uid);

  // A tab that ends without a word frees the storage as well.
  const again = alice.does("connect", server.url, "websocket", { whenInUse: "wait" });
  await other.closeTab();
  assert.equal(await again, uid);
  await alice.does("disconnect");
  await alice.does("connect", server.url);
  await alice.leave();
});

test("a page that mounts twice is not locked out by itself", { timeout: 60_000 }, async () => {
  const alice = await Person.arrive(browser, files.origin);
  const uid = await alice.does("connect", server.url);
  await alice.does("disconnect");
  for (const after of [false, true]) {
    for (let times = 0; times < 5; times += 1) {
      assert.equal(await alice.does("remount", server.url, after), uid);
      await alice.does("disconnect");
    }
  }

  // Not even where another tab waits for its turn.
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
  assert.deepEqual(await alice.gets("requests"), [{ note: "It is Bob", fingerprint }]);
  await alice.does("approve");
  await bob.does("whenKey");
  await bob.becomes("role", "member");
  await bob.does("send", "hello", { from: "Bob" });
  assert.deepEqual(await alice.gets("heard"), [{ from: "Bob" }]);
  assert.deepEqual((await alice.value("present")).sort(), uids.sort());

  for (const person of people) {
    assert.deepEqual(await person.value("warnings"), []);
    assert.deepEqual(person.complaints, [], "the page has nothing to complain of");
  }

  await server.restart();
  // What is said while somebody is away is not kept, so Bob repeats it until both are back.
  await until("Bob is heard after the server was killed", async () => {
    await bob.does("send", "hello", { from: "Bob, again" }).catch(() => {});
    return (await alice.value("heard")).some(({ from }) => from === "Bob, again");
  });

  // The page is made anew; who Bob is, and that he has the key, comes from his storage.
  await bob.reload();
  assert.ok(uids.includes(await bob.does("connect", server.url, transport)));
  await bob.does("openRoom", rid);
  await bob.becomes("role", "member");

  await Promise.all(people.map((person) => person.does("disconnect")));
  await Promise.all(people.map((person) => person.leave()));
}
