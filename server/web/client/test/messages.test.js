import assert from "node:assert/strict";
import { test } from "vitest";
import { fromBase64url, toBase64url } from "../src/bytes.js";
import { MessageKey } from "../src/messages.js";
import { makeRoom } from "./support.js";

const [garden, cellar] = await Promise.all([makeRoom(), makeRoom()]);
const key = await MessageKey.of(garden.rid, garden.key);

test("a message opens to its content, each time sealed anew", async () => {
  const content = { text: "hello", list: [1, null, "\u{1f331}"] };
  const [once, twice] = [await key.seal("say", content), await key.seal("say", content)];
  assert.notEqual(once.sealed, twice.sealed);
  for (const payload of [once, twice]) assert.deepEqual(await key.open("say", payload), content);
});

test("a message opens only unchanged in its event and room", async () => {
  const payload = await key.seal("say", "hello");
  const bad = (opener, event, sealed) => assert.rejects(opener.open(event, sealed), { reason: "bad_message" });
  await bad(key, "whisper", payload);
  await bad(await MessageKey.of(cellar.rid, cellar.key), "say", payload);
  await bad(await MessageKey.of(cellar.rid, garden.key), "say", payload);
  const bytes = fromBase64url(payload.sealed);
  for (const at of bytes.keys()) {
    await bad(key, "say", { sealed: toBase64url(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))) });
  }
  for (const nonsense of [null, {}, "hello", { sealed: 7 }, { sealed: "" }, { sealed: "A" }, { sealed: "AAAA" }]) {
    await bad(key, "say", nonsense);
  }
});

test("content that JSON cannot represent is not sealed", async () => {
  for (const content of [undefined, () => {}, Symbol("any"), 1n]) {
    await assert.rejects(key.seal("say", content), { reason: "bad_argument", detail: /^`content` must be/ });
  }
});
