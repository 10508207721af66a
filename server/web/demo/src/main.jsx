/**
 * The page: Alice on the left, Bob on the right, the room between them, and what passes underneath. With `?as=alice` or
 * `?as=bob` it is the window of one of them.
 */
import { render } from "preact";
import { Player } from "./flows/player.js";
import { Person } from "./people/person.js";
import { Place } from "./people/place.js";
import { Page } from "./view/page.jsx";
import { Insecure } from "./view/insecure.jsx";
import { Log } from "./wire/log.js";
import "./view/page.css";

const NAMES = ["alice", "bob"];

function begin(root) {
  if (!globalThis.isSecureContext) return render(<Insecure />, root);
  const as = new URLSearchParams(location.search).get("as");
  const own = NAMES.includes(as) ? [as] : NAMES;
  const place = new Place();
  const log = new Log(sessionStorage);
  place.rid.subscribe((rid) => log.look(rid));
  const people = own.map((name) => new Person(name, place, (fact) => log.add(fact)));
  const [alice, bob] = people;
  const player = own.length === 2 ? new Player({ alice, bob, place, log }, sessionStorage) : null;
  render(<Page people={people} place={place} log={log} player={player} />, root);
  // A window of one's own is opened to come in.
  for (const person of people) if (person.wasOnline || !player) person.goOnline();
  player?.resume();
}

begin(document.getElementById("page"));
