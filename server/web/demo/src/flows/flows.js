/**
 * The four flows that this project began with, as steps. Each step knows when it is done, so that a page that was
 * reloaded, or a server that was restarted, is no reason to begin anew: what is done is passed over, the rest is done
 * again.
 *
 * @typedef {{alice: import("../people/person.js").Person, bob: import("../people/person.js").Person,
 *   place: import("../people/place.js").Place, log: import("../wire/log.js").Log}} World
 *
 * @typedef {object} Step
 * @property {string} says
 * @property {(world: World) => unknown} act
 * @property {(world: World) => boolean} isDone
 *
 * @typedef {object} Flow
 * @property {string} id
 * @property {string} title
 * @property {string} about
 * @property {Step[]} steps
 */

const NOTE = "It is Bob";

const titled = (name) => name[0].toUpperCase() + name.slice(1);

const online = (who) => ({
  says: `${titled(who)} becomes online`,
  act: (world) => world[who].goOnline(),
  isDone: (world) => world[who].status.value === "online",
});

const offline = (who) => ({
  says: `${titled(who)} becomes offline`,
  act: (world) => world[who].goOffline(),
  isDone: (world) => world[who].status.value === "offline",
});

const creates = {
  says: "Alice creates a room and stores its key",
  act: ({ alice }) => alice.createRoom(),
  isDone: ({ alice }) => alice.hasKey.value && alice.role.value === "member",
};

const asks = {
  says: "Bob asks for the room's key",
  act: ({ bob }) => bob.ask(NOTE),
  isDone: ({ bob }) => bob.seen.value.asked !== null || bob.hasKey.value,
};

const isApproved = ({ bob, log }) => bob.hasKey.value || log.stored.value.requests.some(({ approves }) => approves > 0);

const sees = {
  says: "Alice is shown Bob's request",
  act: () => {},
  isDone: (world) => world.alice.seen.value.pending.length > 0 || isApproved(world),
};

const approves = {
  says: "Alice compares the words and sends the key, encrypted for Bob",
  act: ({ alice }) => alice.approve(alice.seen.value.pending[0]),
  isDone: isApproved,
};

const saves = {
  says: "Bob opens the key, saves it and deletes his request",
  act: () => {},
  isDone: ({ bob, log }) => bob.hasKey.value && log.stored.value.requests.length === 0,
};

const says = (who, other, text) => ({
  says: `${titled(who)} writes to ${titled(other)}, encrypted with the key`,
  act: (world) => world[who].say(text),
  isDone: (world) => world[other].seen.value.messages.some((message) => message.text === text),
});

/** What the key is for: in all flows, at the end. */
const together = [online("alice"), online("bob"), says("bob", "alice", "I am in!"), says("alice", "bob", "Welcome.")];

const alone = [online("alice"), creates, offline("alice")];

/** @type {Flow[]} */
export const FLOWS = [
  {
    id: "online",
    title: "Both online",
    about: "They meet. The channel carries everything.",
    steps: [online("alice"), creates, online("bob"), asks, sees, approves, saves, ...together],
  },
  {
    id: "offline",
    title: "They never meet",
    about: "The room keeps what each leaves for the other.",
    steps: [
      ...alone, online("bob"), asks, offline("bob"), online("alice"), sees, approves, offline("alice"), online("bob"),
      saves, offline("bob"), ...together,
    ],
  },
  {
    id: "bob-waits",
    title: "Bob waits",
    about: "Alice comes back while he is still there.",
    steps: [...alone, online("bob"), asks, online("alice"), sees, approves, saves, ...together],
  },
  {
    id: "bob-leaves",
    title: "Bob leaves",
    about: "He is gone when Alice answers.",
    steps: [
      online("alice"), creates, online("bob"), asks, sees, offline("bob"), approves, online("bob"), saves, ...together,
    ],
  },
];
