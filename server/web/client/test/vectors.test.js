import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "vitest";
import { fromBase64url, toBase64url } from "../src/bytes.js";
import { fingerprintOf, roomFingerprintOf } from "../src/fingerprints.js";
import { boxOf, ridOf, uidOf } from "../src/ids.js";
import { SigningKey } from "../src/keys.js";
import { MessageKey } from "../src/messages.js";
import { BoxKey } from "../src/sealing.js";
import { signFields, signedBytes, verifyFields } from "../src/signed.js";

const file = new URL("../../../../protocol/approve/testdata/signed.json", import.meta.url);
const vectors = JSON.parse(await readFile(file, "utf8"));

test("ids are the hashes of their keys", async () => {
  const idOf = { uid: uidOf, rid: ridOf };
  for (const { kind, alg, pub, id } of vectors.ids) assert.equal(await idOf[kind](alg, fromBase64url(pub)), id);
  for (const { box_alg, box_pub, box } of vectors.boxes) {
    assert.equal(await boxOf(box_alg, fromBase64url(box_pub)), box);
  }
});

for (const { kind, fields, bytes, alg, private: secret, pub, sig } of vectors.signed) {
  test(`${kind}, ${alg}: ${Object.keys(fields).join(" ")}`, async () => {
    assert.equal(toBase64url(signedBytes(kind, fields)), bytes);

    const key = await SigningKey.fromPrivate(alg, fromBase64url(secret));
    assert.equal(toBase64url(key.pub), pub, "the public key derived from the private one");
    assert.ok(await verifyFields(kind, fields, alg, key.pub, sig));
    assert.ok(await verifyFields(kind, fields, alg, key.pub, await signFields(kind, fields, key)));

    for (const [name, value] of Object.entries(fields)) {
      const otherText = (text) => text.replace(/^.?/, (first) => (first === "B" ? "C" : "B"));
      const others = { number: (integer) => integer + 1, boolean: (flag) => !flag, string: otherText };
      const other = others[typeof value](value);
      assert.equal(await verifyFields(kind, { ...fields, [name]: other }, alg, key.pub, sig), false, `another ${name}`);
    }
  });
}

for (const { about, kind, fields, alg, pub, sig, good } of vectors.judged) {
  test(`${alg}: ${about} is ${good ? "accepted" : "refused"}`, async () => {
    assert.equal(await verifyFields(kind, fields, alg, fromBase64url(pub), sig), good);
  });
}

test("sealed keys can be opened", async () => {
  for (const { box_private, box_pub, ct, plaintext, ...context } of vectors.sealed) {
    const box = await BoxKey.fromStored({ private: box_private, pub: box_pub });
    assert.equal(toBase64url(await box.open(fromBase64url(ct), context)), plaintext);
  }
});

test("fingerprints are the expected words", async () => {
  for (const { uid, box, rid, words } of vectors.fingerprints) {
    assert.equal(await (rid ? roomFingerprintOf(rid) : fingerprintOf(uid, box)), words);
  }
});

test("messages open only as their own event", async () => {
  for (const { rid, alg, room_key, event, sealed, content } of vectors.messages) {
    const key = await MessageKey.of(rid, await SigningKey.fromPrivate(alg, fromBase64url(room_key)));
    assert.deepEqual(await key.open(event, { sealed }), content);
    await assert.rejects(key.open("other", { sealed }), { reason: "bad_message" });
  }
});
