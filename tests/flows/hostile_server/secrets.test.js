/** Everything that clients send in a whole flow contains no private key in any form. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64url } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { HostileFixture } from "./fixture.js";

const fixture = new HostileFixture();

/** The encodings of bytes, including ones that are easily overlooked. */
function formsOf(secret) {
  const bytes = Buffer.from(fromBase64url(secret));
  const forms = ["base64url", "base64", "hex", "latin1", "utf8"].map((encoding) => bytes.toString(encoding));
  // Within longer data, base64 differs by the offset of the bytes; the characters at both ends
  // depend on neighbouring bytes.
  for (const shift of [1, 2]) {
    const inside = Buffer.concat([Buffer.alloc(shift), bytes]);
    for (const encoding of ["base64url", "base64"]) forms.push(inside.toString(encoding).slice(4, -4));
  }
  const numbers = [...bytes].join(",");
  return [...forms, forms[2].toUpperCase(), numbers, encodeURIComponent(forms[1]), BigInt(`0x${forms[2]}`).toString()];
}

/** Whether a text, or the base64 data in it, contains a secret in any form. */
function contains(text, secret) {
  const words = text.match(/[A-Za-z0-9_+/-]{16,}/g) ?? [];
  const decoded = words.map((word) => Buffer.from(word, "base64").toString("latin1"));
  return formsOf(secret).some((form) => [text, ...decoded].some((place) => place.includes(form)));
}

test("no private key leaves a client in a whole flow", { timeout: 60_000 }, async () => {
  const { alice, garden, rid } = await fixture.room();
  const bob = await fixture.somebody().connect();
  const door = await bob.client.openRoom(rid);
  await door.ask({ note: "It is Bob" });
  const box = JSON.parse(bob.storage.get(`room/${rid}/request`)).box.private;
  // Bob may be told before Alice gets her reply.
  const denied = assert.rejects(door.whenKey(), { reason: "denied" });
  const request = await until("Alice sees it", () => garden.pending[0]);
  await garden.deny(request, { code: "no" });
  await denied;
  const again = door.whenKey();
  const [{ requests }] = await garden.denials();
  await requests[0].approve();
  await within("Bob has the key", again);
  await garden.publishCard({ policy: "open", name: "Meadow" });
  await within("Bob says hello", door.send("hello", { from: "Bob" }));
  for (const person of [alice, bob]) {
    await person.restart();
    await person.client.openRoom(rid);
    await person.client.directory();
  }

  const secrets = [box, alice.keyOf(rid).private];
  for (const { storage } of [alice, bob]) secrets.push(JSON.parse(storage.get("user")).private);
  assert.equal(bob.keyOf(rid).private, alice.keyOf(rid).private);
  assert.equal(new Set(secrets).size, 4);
  const { left } = fixture.server;
  for (const event of ["request", "approve", "ack", "deny", "prove", "card", "/v1/session", "/v1/rooms"]) {
    assert.ok(left.some((text) => text.includes(event)), `${event} left`);
  }
  for (const secret of secrets) assert.ok(!left.some((text) => contains(text, secret)), "a private key left a client");

  // Make sure that the search would find them.
  const [approve] = fixture.server.sentBy(alice.uid, "approve");
  assert.ok(left.some((text) => text.includes(approve.ct)));
  for (const secret of secrets) {
    assert.ok(!contains(approve.ct, secret));
    const bytes = fromBase64url(secret);
    const padded = (before) => Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.alloc(9, 7)]);
    for (const before of [0, 1, 2, 65]) {
      for (const encoding of ["base64url", "base64", "hex", "latin1"]) {
        assert.ok(contains(`{"ct":"${padded(before).toString(encoding)}"}`, secret), `${encoding} behind ${before}`);
      }
    }
  }
});
