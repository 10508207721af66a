import { Diagram } from "./diagram.jsx";
import { Flows } from "./flows.jsx";
import { PersonCard } from "./person-card.jsx";
import { RoomCard } from "./room-card.jsx";

/** The whole page. `player` is null if it shows only one person. */
export function Page({ people, currentRoom, log, player }) {
  const [left, right] = player ? people : people[0].name === "alice" ? [people[0]] : [null, people[0]];
  const card = (person) => person && <PersonCard person={person} currentRoom={currentRoom} isAlone={!player} />;
  return (
    <>
      <header>
        <img src="/icon.svg" alt="" width="40" height="40" />
        <div>
          <h1>Vestibule</h1>
          <p>
            Bob asks for a room’s key. Alice, who has it, encrypts it for Bob and sends it. The server delivers both,
            now or later, and cannot read the key.
          </p>
        </div>
      </header>
      <main>
        {player && <Flows player={player} />}
        <div class={player ? "people" : "people one"}>
          {card(left)}
          <RoomCard currentRoom={currentRoom} log={log} />
          {card(right)}
        </div>
        <Diagram log={log} />
      </main>
      <footer>
        <p>
          Alice and Bob are two phoenix.js connections in this browser, each with its own storage. Nothing here is
          simulated: they use the server that this page came from.
        </p>
      </footer>
    </>
  );
}
