import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { refresh } from "../refresh.js";
import { RoomDialog } from "./room-dialog.jsx";

const TITLES = ["name", "policy", "created", "waiting requests", "id"];

/**
 * The list of rooms, one page at a time. It is refreshed while it is visible and the server is
 * connected. Operators with full access can send a message to a room and delete it.
 */
export function Rooms({ admin, isFull, isLive }) {
  const [search, setSearch] = useState("");
  // The cursors of the pages up to the current one.
  const [cursors, setCursors] = useState([null]);
  const [page, setPage] = useState({ items: [], next: null });
  const [error, setError] = useState(null);
  const [chosen, setChosen] = useState(null);

  // Incremented to refresh at once although neither the search nor the page has changed.
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
        setError(null);
      } catch (error) {
        // The outcome of an aborted request does not matter.
        if (!asked.signal.aborted) setError(error.message);
      }
    };
    const end = refresh(load);
    return () => {
      end();
      asked.abort();
    };
  }, [search, cursors, isLive, changes]);

  // If the focused room is gone, the focus stays in the list.
  useLayoutEffect(() => {
    if (hadFocus.current && document.activeElement === document.body) list.current.focus({ preventScroll: true });
  }, [page]);

  const submitSearch = (event) => {
    event.preventDefault();
    const { name } = Object.fromEntries(new FormData(event.currentTarget));
    setCursors([null]);
    setSearch(name.trim());
  };
  const closed = () => {
    setChosen(null);
    setChanges(changes + 1);
  };
  // Its current data if it is on the page.
  const shown = page.items.find(({ rid }) => rid === chosen?.rid) ?? chosen;
  return (
    <section class="rooms" aria-labelledby="rooms">
      <div class="row">
        <h2 id="rooms">Rooms</h2>
        <form class="row" onSubmit={submitSearch} role="search">
          <label>
            Name contains <input name="name" autocomplete="off" />
          </label>
          <button>Search</button>
        </form>
      </div>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <div class="wide" tabIndex={0} role="region" aria-label="List of rooms" ref={list}>
        {/* On phones, CSS shows the rows as cards; explicit roles keep the table accessible. */}
        <table role="table" class="cards">
          <thead role="rowgroup">
            <tr role="row">
              {TITLES.map((title) => (
                <th scope="col" role="columnheader">
                  {title}
                </th>
              ))}
              <th scope="col" role="columnheader">
                <span class="unseen">actions</span>
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
          Previous
        </button>
        <button disabled={!page.next} onClick={() => setCursors([...cursors, page.next])}>
          Next
        </button>
      </div>
      {chosen && <RoomDialog admin={admin} room={shown} isFull={isFull} onClose={closed} />}
    </section>
  );
}

function Row({ room, onChoose }) {
  const { rid, name, policy, created, waiting } = room;
  const id = <code>{rid.slice(0, 12)}…</code>;
  const values = [name ?? "–", policy, new Date(created).toLocaleString(), waiting, id];
  return (
    <tr role="row">
      {values.map((value, index) => (
        <td role="cell" data-title={TITLES[index]}>
          {value}
        </td>
      ))}
      <td role="cell">
        <button onClick={onChoose} aria-label={`Details of ${name ?? rid}`}>
          Details
        </button>
      </td>
    </tr>
  );
}
