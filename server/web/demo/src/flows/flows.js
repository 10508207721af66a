/**
 * The four flows as steps. Each step can tell whether it is done, so that a flow continues after
 * the page is reloaded or the server restarted: completed steps are skipped, the others are
 * repeated.
 *
 * @typedef {object} World
 * @property {import("../people/person.js").Person} alice
 * @property {import("../people/person.js").Person} bob
 * @property {import("../people/current-room.js").CurrentRoom} currentRoom
 * @property {import("../wire/log.js").Log} log
 *
 * @typedef {object} Step
 * @property {string} description
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
  description: `${titled(who)} comes online`,
  act: (world) => world[who].goOnline(),
  isDone: (world) => world[who].status.value === "online",
});

const offline = (who) => ({
  description: `${titled(who)} goes offline`,
  act: (world) => world[who].goOffline(),
  isDone: (world) => world[who].status.value === "offline",
});

const creates = {
  description: "Alice creates a room and stores its key",
  act: ({ alice }) => alice.createRoom(),
  isDone: ({ alice }) => alice.hasKey.value && alice.role.value === "member",
};

const asks = {
  description: "Bob asks for the room's key",
  act: ({ bob }) => bob.ask(NOTE),
  isDone: ({ bob }) => bob.state.value.asked !== null || bob.hasKey.value,
};

const isApproved = ({ bob, log }) => bob.hasKey.value || log.stored.value.requests.some(({ approves }) => approves > 0);

const sees = {
  description: "Alice sees Bob's request",
  act: () => {},
  isDone: (world) => world.alice.state.value.pending.length > 0 || isApproved(world),
};

const approves = {
  description: "Alice compares the words and sends the key, encrypted for Bob",
  act: ({ alice }) => alice.approve(alice.state.value.pending[0]),
  isDone: isApproved,
};

const saves = {
  description: "Bob decrypts the key, saves it and deletes his request",
  act: () => {},
  isDone: ({ bob, log }) => bob.hasKey.value && log.stored.value.requests.length === 0,
};

const writes = (who, other, text) => ({
  description: `${titled(who)} sends ${titled(other)} a message, encrypted with the key`,
  act: (world) => world[who].sendMessage(text),
  isDone: (world) => world[other].state.value.messages.some((message) => message.text === text),
});

/** The end of every flow: both use the key. */
const together = [
  online("alice"), online("bob"), writes("bob", "alice", "I am in!"), writes("alice", "bob", "Welcome."),
];

const alone = [online("alice"), creates, offline("alice")];

/** @type {Flow[]} */
export const FLOWS = [
  {
    id: "online",
    title: "Both online",
    about: "The channel delivers everything live.",
    steps: [online("alice"), creates, online("bob"), asks, sees, approves, saves, ...together],
  },
  {
    id: "offline",
    title: "Never online together",
    about: "The room stores what each sends the other.",
    steps: [
      ...alone, online("bob"), asks, offline("bob"), online("alice"), sees, approves, offline("alice"), online("bob"),
      saves, offline("bob"), ...together,
    ],
  },
  {
    id: "bob-waits",
    title: "Bob waits",
    about: "Alice comes online while he is waiting.",
    steps: [...alone, online("bob"), asks, online("alice"), sees, approves, saves, ...together],
  },
  {
    id: "bob-leaves",
    title: "Bob leaves",
    about: "Bob is offline when Alice answers.",
    steps: [
      online("alice"), creates, online("bob"), asks, sees, offline("bob"), approves, online("bob"), saves, ...together,
    ],
  },
];
