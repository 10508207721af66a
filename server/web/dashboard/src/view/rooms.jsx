import { useEffect, useState } from "preact/hooks";
import { RoomDialog } from "./room-dialog.jsx";

/** The rooms, a page at a time; who may do everything can say something to a room, and delete it. */
export function Rooms({ admin, isFull }) {
  const [search, setSearch] = useState("");
  // The cursors of the pages up to the one that is shown.
  const [cursors, setCursors] = useState([null]);
  const [page, setPage] = useState({ items: [], next: null });
  const [trouble, setTrouble] = useState(null);
  const [chosen, setChosen] = useState(null);

  const load = async () => {
    try {
      setPage(await admin.rooms({ name: search, cursor: cursors.at(-1) }));
      setTrouble(null);
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => {
    load();
  }, [search, cursors]);

  const find = (event) => {
    event.preventDefault();
    const { name } = Object.fromEntries(new FormData(event.currentTarget));
    setCursors([null]);
    setSearch(name.trim());
  };
  const closed = () => {
    setChosen(null);
    load();
  };
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
      <div class="wide" tabIndex={0} role="region" aria-label="The list of rooms">
        <table>
          <thead>
            <tr>
              {["name", "policy", "made", "requests wait", "id"].map((title) => (
                <th scope="col">{title}</th>
              ))}
              <th scope="col">
                <span class="unseen">acts</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {page.items.map((room) => (
              <tr key={room.rid}>
                <td>{room.name ?? "–"}</td>
                <td>{room.policy}</td>
                <td>{new Date(room.created).toLocaleString()}</td>
                <td>{room.waiting}</td>
                <td>
                  <code>{room.rid.slice(0, 12)}…</code>
                </td>
                <td>
                  <button onClick={() => setChosen(room)} aria-label={`Look into ${room.name ?? room.rid}`}>
                    Look into
                  </button>
                </td>
              </tr>
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
      {chosen && <RoomDialog admin={admin} room={chosen} isFull={isFull} onClose={closed} />}
    </section>
  );
}
