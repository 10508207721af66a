/**
 * The page: in its first tab Alice on the left, Bob on the right, the room between them, and the
 * messages below; in the second a lobby. With `?as=alice` or `?as=bob` it shows only one of the
 * two people, and no tabs.
 */
import { render } from "preact";
import { Address } from "./address.js";
import { Player } from "./flows/player.js";
import { Lobby } from "./lobby/lobby.js";
import { Person } from "./people/person.js";
import { CurrentRoom } from "./people/current-room.js";
import { Page } from "./view/page.jsx";
import { Insecure } from "./view/insecure.jsx";
import { Log } from "./wire/log.js";
import "./view/page.css";

const NAMES = ["alice", "bob"];

function begin(root) {
  if (!globalThis.isSecureContext) return render(<Insecure />, root);
  const as = new URLSearchParams(location.search).get("as");
  const own = NAMES.includes(as) ? [as] : NAMES;
  const currentRoom = new CurrentRoom();
  const log = new Log(sessionStorage);
  currentRoom.rid.subscribe((rid) => log.showRoom(rid));
  const people = own.map((name) => new Person(name, currentRoom, (entry) => log.add(entry)));
  const [alice, bob] = people;
  const isWhole = own.length === 2;
  const player = isWhole ? new Player({ alice, bob, currentRoom, log }, sessionStorage) : null;
  const lobby = isWhole ? new Lobby(sessionStorage) : null;
  const address = new Address(currentRoom, isWhole);
  render(<Page {...{ people, currentRoom, log, player, lobby, address }} />, root);
  // A window for one person connects at once.
  for (const person of people) if (person.wasOnline || !player) person.goOnline();
  player?.resume();
}

begin(document.getElementById("page"));
