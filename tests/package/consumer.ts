/** An application in TypeScript that is compiled, not run. */
import {
  DeniedError, LocalStorage, MemoryStorage, Vestibule, VestibuleError,
  type Asked, type Card, type CardChange, type ClaimOptions, type ConnectOptions, type Denial, type JoinRequest,
  type KnownRoom, type Notice, type Policy, type Receipt, type Release, type Room, type SigningKey, type Storage,
} from "vestibule-client";
import { FileStorage } from "vestibule-client/file-storage";
import { BoxKey, SigningKey as Key, checkCard, uidOf } from "vestibule-client/protocol";
import { LongPoll } from "phoenix";

/** An application's own storage. */
class Vault implements Storage {
  #values = new Map<string, string>();
  async get(name: string): Promise<string | null> {
    return this.#values.get(name) ?? null;
  }
  async set(name: string, value: string): Promise<void> {
    this.#values.set(name, value);
  }
  async delete(name: string): Promise<void> {
    this.#values.delete(name);
  }
  async claim({ wait = false }: ClaimOptions = {}): Promise<Release> {
    return () => console.log(wait);
  }
}

const area = globalThis.sessionStorage;
const storages: Storage[] = [
  new Vault(),
  new LocalStorage({ prefix: "bob/" }),
  new LocalStorage({ area }),
  new MemoryStorage(),
  new FileStorage("bob.json"),
  new FileStorage("/run/secrets/bob.json", { othersMayRead: true }),
];

async function connect(storage: Storage, policy: Policy): Promise<Room> {
  const user: SigningKey = await Key.generate("ed25519");
  const onWarning = (error: VestibuleError) => console.warn(error.reason);
  const options: ConnectOptions = { storage, user, transport: LongPoll, whenInUse: "wait", onWarning };
  const client = await Vestibule.connect(new URL("https://rooms.example"), options);
  await Vestibule.connect("https://rooms.example", { storage, transport: WebSocket, socketOptions: { timeout: 1000 } });
  const stop: () => void = client.onNotice((notice: Notice) => {
    if (notice.event === "receipt") console.log(notice.result);
    else if (notice.event === "erased") console.log("erased");
    else console.log(notice.by);
  });
  client.onNotice(({ event, rid, requestId }) => console.log(event, rid, requestId));
  const known: KnownRoom[] = await client.rooms();
  console.log(known.map(({ rid, name, policy, hasKey, asked }) => [rid, name ?? policy, hasKey || asked]));
  stop();
  const { rooms, after } = await client.directory({ policy: "open", limit: 10 });
  const names: (string | undefined)[] = rooms.map((card: Card) => card.name);
  console.log(names, after, await uidOf(user.alg, user.pub), await checkCard(rooms[0], "rid"));
  // @ts-expect-error there is no such policy
  await client.createRoom({ policy: "closed" });
  // @ts-expect-error a storage is needed
  await Vestibule.connect("https://rooms.example", {});
  return client.createRoom({ policy, name: "Garden", alg: "secp256k1", listed: true });
}

async function keep(room: Room): Promise<void> {
  room.onRequest(async (request: JoinRequest) => {
    const { state }: { state: string } = await request.approve();
    console.log(request.fingerprint.length, state);
  });
  room.onReceipt(({ result, code }: Receipt) => console.log(result, code));
  room.autoApprove(({ note }) => note === "It is Bob");
  const change: CardChange = { name: null, listed: !room.listed };
  if (room.isCreator) await room.publishCard(change);
  if (room.creator) await room.handOver(room.creator);
  room.onCreator((uid: string | undefined) => console.log(uid));
  // @ts-expect-error a user is needed
  await room.handOver();
  const denials: Denial[] = await room.denials();
  await denials[0]?.requests[0]?.approve();
  console.log(room.presence.list((uid: string) => uid), room.card?.version);
}

async function ask(room: Room): Promise<SigningKey | null> {
  try {
    const asked: Asked = await room.ask({ note: "It is Bob", box: await BoxKey.generate() });
    console.log(asked.fingerprint);
    return await room.whenKey();
  } catch (error) {
    if (error instanceof DeniedError) console.log(error.block, error.by);
    else if (error instanceof VestibuleError) console.log(error.reason, error.retryMs);
    return null;
  }
}

for (const storage of storages) {
  const room = await connect(storage, "request");
  await keep(room);
  console.log(await ask(room));
}
