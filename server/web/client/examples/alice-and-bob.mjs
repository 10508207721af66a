/**
 * Alice makes a room, Bob asks for its key, Alice gives it to him. Run it against a server:
 *
 *     node examples/alice-and-bob.mjs http://127.0.0.1:4000
 *
 * Bundled, it runs as it is in a page of the server's origin.
 */
import { MemoryStorage, Vestibule } from "vestibule-client";

globalThis.WebSocket ??= (await import("ws")).default; // Node before 22
const url = globalThis.location?.origin ?? process.argv[2] ?? "http://127.0.0.1:4000";

const alice = await Vestibule.connect(url, { storage: new MemoryStorage() });
const garden = await alice.createRoom({ name: "Garden", policy: "request" });
garden.onRequest(async (request) => {
  console.log(`Alice is asked: ${request.note} (${request.fingerprint})`);
  await request.approve();
});

const bob = await Vestibule.connect(url, { storage: new MemoryStorage() });
const door = await bob.openRoom(garden.rid);
const { fingerprint } = await door.ask({ note: "It is Bob" });
console.log(`Bob asked       (${fingerprint})`);
await door.whenKey();

const heard = new Promise((resolve) => garden.onSealed("hello", resolve));
await door.sendSealed("hello", { from: "Bob" });
console.log(`Alice hears: ${JSON.stringify(await heard)}`);

await Promise.all([alice.disconnect(), bob.disconnect()]);
