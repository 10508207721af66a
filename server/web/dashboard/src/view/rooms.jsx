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
  const [chosen, setChosen] = useState(null);
  // Incremented to refresh at once although neither the search nor the page has changed.
  const [changes, setChanges] = useState(0);
  const list = useRef(null);
  const query = { name: search, cursor: cursors.at(-1) };
  const { page, error } = useRooms({ admin, query, list, isLive, changes });

  const find = (name) => {
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
      <Search onFind={find} />
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <div class="wide" tabIndex={0} role="region" aria-label="List of rooms" ref={list}>
        <Table rooms={page.items} onChoose={setChosen} />
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

/** Loads a page of rooms and refreshes it; at once if the query or `changes` is another one. */
function useRooms({ admin, query, list, isLive, changes }) {
  const [page, setPage] = useState({ items: [], next: null });
  const [error, setError] = useState(null);
  const hadFocus = useRef(false);
  useEffect(() => {
    if (!isLive) return undefined;
    const asked = new AbortController();
    const load = async () => {
      try {
        const found = await admin.rooms(query, asked.signal);
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
  }, [query.name, query.cursor, isLive, changes]);

  // If the focused room is gone, the focus stays in the list.
  useLayoutEffect(() => {
    if (hadFocus.current && document.activeElement === document.body) list.current.focus({ preventScroll: true });
  }, [page]);
  return { page, error };
}

function Search({ onFind }) {
  const submit = (event) => {
    event.preventDefault();
    onFind(new FormData(event.currentTarget).get("name"));
  };
  return (
    <div class="row">
      <h2 id="rooms">Rooms</h2>
      <form class="row" onSubmit={submit} role="search">
        <label>
          Name contains <input name="name" autocomplete="off" />
        </label>
        <button>Search</button>
      </form>
    </div>
  );
}

/** On phones, CSS shows the rows as cards; explicit roles keep the table accessible. */
function Table({ rooms, onChoose }) {
  return (
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
        {rooms.map((room) => (
          <Row key={room.rid} room={room} onChoose={() => onChoose(room)} />
        ))}
      </tbody>
    </table>
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
