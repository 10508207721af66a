/** Which library is loaded on which platform for which kind of key. */
import assert from "node:assert/strict";
import { onTestFinished, test, vi } from "vitest";
import { SigningKey, verify } from "../src/keys.js";

const bytes = new TextEncoder().encode("any");
const CURVES = ["ed25519", "secp256k1"];

/**
 * Loads the client's modules again.
 *
 * @param {object} platform
 * @param {boolean} [platform.hasEd25519] whether its WebCrypto supports Ed25519
 * @param {string[]} [platform.lacks] curve libraries that cannot be loaded
 */
function load({ hasEd25519 = true, lacks = [] }) {
  vi.resetModules();
  for (const curve of lacks) {
    vi.doMock(`@noble/curves/${curve}.js`, () => {
      throw new Error("it is not here");
    });
  }
  if (!hasEd25519) for (const name of ["importKey", "generateKey"]) takeEd25519From(name);
  onTestFinished(() => {
    vi.restoreAllMocks();
    for (const curve of lacks) vi.doUnmock(`@noble/curves/${curve}.js`);
  });
  return import("../src/keys.js");
}

/** @param {"importKey" | "generateKey"} name of a function of WebCrypto */
function takeEd25519From(name) {
  const real = crypto.subtle[name].bind(crypto.subtle);
  vi.spyOn(crypto.subtle, name).mockImplementation(async (...args) => {
    if (args.some((arg) => arg?.name === "Ed25519")) throw new DOMException("no such algorithm", "NotSupportedError");
    return real(...args);
  });
}

const isNotHere = ({ cause }) => cause.message === "it is not here";

test("without secp256k1 keys no curve library is loaded", async () => {
  const keys = await load({ lacks: CURVES });
  for (const alg of ["p256", "ed25519"]) {
    const key = await keys.SigningKey.generate(alg);
    assert.ok(await keys.verify(alg, key.pub, bytes, await key.sign(bytes)));
  }
  await assert.rejects(keys.SigningKey.generate("secp256k1"), isNotHere);
  assert.equal(await keys.verify("secp256k1", new Uint8Array(65), bytes, new Uint8Array(64)), false);
});

test("only an Ed25519 key loads the Ed25519 library", async () => {
  const keys = await load({ hasEd25519: false, lacks: CURVES });
  const key = await keys.SigningKey.generate("p256");
  assert.ok(await keys.verify("p256", key.pub, bytes, await key.sign(bytes)));
  await assert.rejects(keys.SigningKey.generate("ed25519"), isNotHere);
});

test("new keys are Ed25519 where WebCrypto has it, else P-256", async () => {
  for (const [hasEd25519, alg] of [[true, "ed25519"], [false, "p256"]]) {
    const keys = await load({ hasEd25519 });
    assert.equal((await keys.SigningKey.generate()).alg, alg);
    vi.restoreAllMocks();
  }
});

test("WebCrypto's Ed25519 support is tested once", async () => {
  const keys = await load({});
  const importKey = vi.spyOn(crypto.subtle, "importKey");
  await Promise.all([1, 2, 3].map(() => keys.preferredAlg()));
  assert.equal(importKey.mock.calls.length, 1);
});

test("WebCrypto and the library agree on Ed25519", async () => {
  const ours = await SigningKey.generate("ed25519");
  const sig = await ours.sign(bytes);
  const keys = await load({ hasEd25519: false });
  const same = await keys.SigningKey.fromPrivate("ed25519", ours.private);
  assert.deepEqual([same.pub, await same.sign(bytes)], [ours.pub, sig]);
  assert.ok(await keys.verify("ed25519", ours.pub, bytes, sig));
  assert.equal(await keys.verify("ed25519", ours.pub, bytes.subarray(1), sig), false);

  const theirs = await keys.SigningKey.generate("ed25519");
  const theirSig = await theirs.sign(bytes);
  vi.restoreAllMocks();
  assert.ok(await verify("ed25519", theirs.pub, bytes, theirSig));
});

test("without Ed25519 in WebCrypto an Ed25519 room opens", async () => {
  await load({ hasEd25519: false });
  const { makeApprove, makeRequest, makeRoom, makeUser } = await import("./support.js");
  const { checkRequest, openApprove } = await import("../src/checks.js");
  const [alice, bob, room] = await Promise.all([makeUser("ed25519"), makeUser("ed25519"), makeRoom("ed25519")]);
  const { item, box } = await makeRequest(room, bob);
  await checkRequest(item, room.rid);
  const asked = { rid: room.rid, request_id: item.request_id, uid: bob.uid, box };
  const key = await openApprove(await makeApprove(room, alice, item), asked);
  assert.deepEqual([key.alg, key.private], ["ed25519", room.key.private]);
});
