import { Diagram } from "./diagram.jsx";
import { Flows } from "./flows.jsx";
import { PersonCard } from "./person-card.jsx";
import { RoomCard } from "./room-card.jsx";

/** All of it. `player` is there where both people are. */
export function Page({ people, place, log, player }) {
  const [left, right] = player ? people : people[0].name === "alice" ? [people[0]] : [null, people[0]];
  const card = (person) => person && <PersonCard person={person} place={place} isAlone={!player} />;
  return (
    <>
      <header>
        <img src="/icon.svg" alt="" width="40" height="40" />
        <div>
          <h1>Vestibule</h1>
          <p>
            Bob asks for a room’s key. Alice, who has it, sends it locked into a box that only Bob can open. The server
            carries both, now or later, and can read neither.
          </p>
        </div>
      </header>
      <main>
        {player && <Flows player={player} />}
        <div class={player ? "people" : "people one"}>
          {card(left)}
          <RoomCard place={place} log={log} />
          {card(right)}
        </div>
        <Diagram log={log} />
      </main>
      <footer>
        <p>
          Alice and Bob are two connections of phoenix.js with a storage each, in this browser. Everything on this page is
          real: the server is the one that this page came from.
        </p>
      </footer>
    </>
  );
}
