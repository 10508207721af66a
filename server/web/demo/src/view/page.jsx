import { useRef } from "preact/hooks";
import { Diagram } from "./diagram.jsx";
import { Flows } from "./flows.jsx";
import { Lobby } from "./lobby.jsx";
import { PersonCard } from "./person-card.jsx";
import { RoomCard } from "./room-card.jsx";
import { ServerNotice } from "./server-notice.jsx";
import { Panel, Tabs } from "./tabs.jsx";

/**
 * The whole page. If it shows only one person, `player` and `lobby` are null, and there are no
 * tabs.
 */
export function Page({ people, currentRoom, log, player, lobby, address }) {
  const isAway = [...people, ...(lobby ? [lobby] : [])].some(({ status }) => status.value === "away");
  const rooms = <Rooms people={people} currentRoom={currentRoom} log={log} player={player} address={address} />;
  return (
    <>
      <header>
        <img src="/icon.svg" alt="" width="40" height="40" />
        <h1>Vestibule</h1>
        {lobby && <Tabs address={address} />}
      </header>
      <main>
        {!lobby && rooms}
        {lobby && (
          <>
            <Panel address={address} tab="rooms">
              {rooms}
            </Panel>
            <Panel address={address} tab="lobby">
              <Lobby lobby={lobby} isShown={address.tab.value === "lobby"} />
            </Panel>
          </>
        )}
      </main>
      <ServerNotice isAway={isAway} />
    </>
  );
}

/** Alice and Bob, and the room's key. */
function Rooms({ people, currentRoom, log, player, address }) {
  const [left, right] = player ? people : people[0].name === "alice" ? [people[0]] : [null, people[0]];
  const card = (person) => person && <PersonCard person={person} currentRoom={currentRoom} isAlone={!player} />;
  const stage = useRef(null);
  const play = (flow) => {
    player.play(flow);
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    // By then the diagram is pinned, and the page long enough.
    requestAnimationFrame(() => {
      stage.current.scrollIntoView({ block: "start", behavior: isCalm ? "instant" : "smooth" });
    });
  };
  return (
    <>
      <p class="about">
        Bob asks for a room’s key. Alice, who has it, encrypts it for Bob and sends it. The server delivers both, now
        or later, and cannot read the key.
      </p>
      {player && <Flows player={player} onPlay={play} />}
      <div class={player ? "people" : "people one"} ref={stage}>
        {card(left)}
        <RoomCard currentRoom={currentRoom} log={log} />
        {card(right)}
      </div>
      <p class="small simulated">
        Alice and Bob are two phoenix.js connections in this browser, each with its own storage. Nothing here is
        simulated: they use the server that this page came from.
      </p>
      <Diagram log={log} player={player} isShown={address.tab.value === "rooms"} />
    </>
  );
}
