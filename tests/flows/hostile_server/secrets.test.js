/** What leaves the clients in a whole flow: everything the server sees, and no private key in any form. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64url } from "vestibule-client/protocol";
import { until, within } from "../support.js";
import { Stage } from "./stage.js";

const stage = new Stage();

/** The forms in which bytes are written, and in which they could be overlooked. */
function formsOf(secret) {
  const bytes = Buffer.from(fromBase64url(secret));
  const forms = ["base64url", "base64", "hex", "latin1", "utf8"].map((encoding) => bytes.toString(encoding));
  // Inside something longer base64 shows other letters, by where in it the bytes begin; those at both ends are shared.
  for (const shift of [1, 2]) {
    const inside = Buffer.concat([Buffer.alloc(shift), bytes]);
    for (const encoding of ["base64url", "base64"]) forms.push(inside.toString(encoding).slice(4, -4));
  }
  const numbers = [...bytes].join(",");
  return [...forms, forms[2].toUpperCase(), numbers, encodeURIComponent(forms[1]), BigInt(`0x${forms[2]}`).toString()];
}

/** Whether a secret is in a text, in any form, or in what the text holds in base64. */
function holds(text, secret) {
  const words = text.match(/[A-Za-z0-9_+/-]{16,}/g) ?? [];
  const decoded = words.map((word) => Buffer.from(word, "base64").toString("latin1"));
  return formsOf(secret).some((form) => [text, ...decoded].some((place) => place.includes(form)));
}

test("no private key leaves a client in a whole flow", { timeout: 60_000 }, async () => {
  const { alice, garden, rid } = await stage.room();
  const bob = await stage.somebody().connect();
  const door = await bob.client.openRoom(rid);
  await door.ask({ note: "It is Bob" });
  const box = JSON.parse(bob.storage.get(`room/${rid}/request`)).box.private;
  // Bob may be told before Alice is answered.
  const denied = assert.rejects(door.whenKey(), { reason: "denied" });
  const request = await until("Alice is shown it", () => garden.pending[0]);
  await garden.deny(request, { code: "no" });
  await denied;
  const again = door.whenKey();
  const [{ requests }] = await garden.denials();
  await requests[0].approve();
  await within("Bob has the key", again);
  await garden.publishCard({ policy: "open", name: "Meadow" });
  await within("Bob says hello", door.send("hello", { from: "Bob" }));
  for (const person of [alice, bob]) {
    await person.comeBack();
    await person.client.openRoom(rid);
    await person.client.directory();
  }

  const secrets = [box, alice.keyOf(rid).private];
  for (const { storage } of [alice, bob]) secrets.push(JSON.parse(storage.get("user")).private);
  assert.equal(bob.keyOf(rid).private, alice.keyOf(rid).private);
  assert.equal(new Set(secrets).size, 4);
  const { left } = stage.server;
  for (const event of ["request", "approve", "ack", "deny", "prove", "card", "/v1/session", "/v1/rooms"]) {
    assert.ok(left.some((text) => text.includes(event)), `${event} left`);
  }
  for (const secret of secrets) assert.ok(!left.some((text) => holds(text, secret)), "a private key left a client");

  // The search would find them.
  const [approve] = stage.server.said(alice.uid, "approve");
  assert.ok(left.some((text) => text.includes(approve.ct)));
  for (const secret of secrets) {
    assert.ok(!holds(approve.ct, secret));
    const bytes = fromBase64url(secret);
    const padded = (before) => Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.alloc(9, 7)]);
    for (const before of [0, 1, 2, 65]) {
      for (const encoding of ["base64url", "base64", "hex", "latin1"]) {
        assert.ok(holds(`{"ct":"${padded(before).toString(encoding)}"}`, secret), `${encoding} behind ${before}`);
      }
    }
  }
});
