import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { refresh } from "../refresh.js";
import { RoomDialog } from "./room-dialog.jsx";

const TITLES = ["name", "policy", "made", "requests wait", "id"];

/**
 * The rooms, a page at a time, which is asked for anew while it is seen and the server is there; who may do everything can say
 * something to a room, and delete it.
 */
export function Rooms({ admin, isFull, isLive }) {
  const [search, setSearch] = useState("");
  // The cursors of the pages up to the one that is shown.
  const [cursors, setCursors] = useState([null]);
  const [page, setPage] = useState({ items: [], next: null });
  const [trouble, setTrouble] = useState(null);
  const [chosen, setChosen] = useState(null);

  // Counts what is to be seen at once, though neither the search nor the page has changed.
  const [changes, setChanges] = useState(0);

  const list = useRef(null);
  const hadFocus = useRef(false);
  useEffect(() => {
    if (!isLive) return undefined;
    const asked = new AbortController();
    const load = async () => {
      try {
        const found = await admin.rooms({ name: search, cursor: cursors.at(-1) }, asked.signal);
        if (asked.signal.aborted) return;
        hadFocus.current = list.current.contains(document.activeElement);
        setPage(found);
        setTrouble(null);
      } catch (error) {
        // What was asked before is of no interest any more, nor what became of it.
        if (!asked.signal.aborted) setTrouble(error.message);
      }
    };
    const end = refresh(load);
    return () => {
      end();
      asked.abort();
    };
  }, [search, cursors, isLive, changes]);

  // Who was at a room that is gone stays in the list.
  useLayoutEffect(() => {
    if (hadFocus.current && document.activeElement === document.body) list.current.focus({ preventScroll: true });
  }, [page]);

  const find = (event) => {
    event.preventDefault();
    const { name } = Object.fromEntries(new FormData(event.currentTarget));
    setCursors([null]);
    setSearch(name.trim());
  };
  const closed = () => {
    setChosen(null);
    setChanges(changes + 1);
  };
  // As it is now, as long as it is on the page.
  const shown = page.items.find(({ rid }) => rid === chosen?.rid) ?? chosen;
  return (
    <section class="rooms" aria-labelledby="rooms">
      <div class="row">
        <h2 id="rooms">Rooms</h2>
        <form class="row" onSubmit={find} role="search">
          <label>
            Part of the name <input name="name" autocomplete="off" />
          </label>
          <button>Find</button>
        </form>
      </div>
      {trouble && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
      <div class="wide" tabIndex={0} role="region" aria-label="The list of rooms" ref={list}>
        {/* The roles are said, for on a phone the style makes cards of the rows. */}
        <table role="table" class="cards">
          <thead role="rowgroup">
            <tr role="row">
              {TITLES.map((title) => (
                <th scope="col" role="columnheader">
                  {title}
                </th>
              ))}
              <th scope="col" role="columnheader">
                <span class="unseen">acts</span>
              </th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {page.items.map((room) => (
              <Row key={room.rid} room={room} onChoose={() => setChosen(room)} />
            ))}
          </tbody>
        </table>
      </div>
      <div class="row">
        <button disabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>
          Back
        </button>
        <button disabled={!page.next} onClick={() => setCursors([...cursors, page.next])}>
          Further
        </button>
      </div>
      {chosen && <RoomDialog admin={admin} room={shown} isFull={isFull} onClose={closed} />}
    </section>
  );
}

function Row({ room, onChoose }) {
  const { rid, name, policy, created, waiting } = room;
  const values = [name ?? "–", policy, new Date(created).toLocaleString(), waiting, <code>{rid.slice(0, 12)}…</code>];
  return (
    <tr role="row">
      {values.map((value, index) => (
        <td role="cell" data-title={TITLES[index]}>
          {value}
        </td>
      ))}
      <td role="cell">
        <button onClick={onChoose} aria-label={`Look into ${name ?? rid}`}>
          Look into
        </button>
      </td>
    </tr>
  );
}
