import { useEffect, useRef, useState } from "preact/hooks";
import { refresh } from "../refresh.js";

/** One room: who is in it now, and what can be done. */
export function RoomDialog({ admin, room, isFull, onClose }) {
  const dialog = useRef(null);
  const [{ items: members, next }, setMembers] = useState({ items: [], next: null });
  const [trouble, setTrouble] = useState(null);
  const [said, setSaid] = useState(null);
  useEffect(() => dialog.current.showModal(), []);
  useEffect(() => {
    const asked = new AbortController();
    const load = async () => {
      try {
        setMembers(await admin.members(room.rid, asked.signal));
        setTrouble(null);
      } catch (error) {
        if (!asked.signal.aborted) setTrouble(error.message);
      }
    };
    const end = refresh(load);
    return () => {
      end();
      asked.abort();
    };
  }, [room.rid]);
  const title = room.name ?? "A room without a name";
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="room-title">
      <div class="row">
        <h2 id="room-title">{title}</h2>
        <button aria-label="Close" onClick={() => dialog.current.close()}>
          ✕
        </button>
      </div>
      <p>
        <code>{room.rid}</code>
      </p>
      <p>
        {room.policy}, card {room.version}, {room.waiting} {room.waiting === 1 ? "request waits" : "requests wait"}.{" "}
        {next ? `More than ${members.length}` : members.length} in it now.
      </p>
      <ul aria-label="Who is in it now">
        {members.map(({ uid, role, connection }) => (
          <li key={connection}>
            {role} <code>{uid}</code>
          </li>
        ))}
      </ul>
      {isFull && <Acts admin={admin} room={room} onSaid={setSaid} onDeleted={() => dialog.current.close()} />}
      {trouble && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
      {said && <p role="status">{said}</p>}
    </dialog>
  );
}

function Acts({ admin, room, onSaid, onDeleted }) {
  const [isSure, setSure] = useState(false);
  const tries = async (act, done) => {
    try {
      await act();
      done();
    } catch (error) {
      onSaid(error.message);
    }
  };
  const broadcast = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { text } = Object.fromEntries(new FormData(form));
    tries(() => admin.broadcast(room.rid, text), () => {
      onSaid("Said to everybody who is in it.");
      form.reset();
    });
  };
  const remove = () => tries(() => admin.deleteRoom(room.rid), onDeleted);
  return (
    <>
      <form class="row" onSubmit={broadcast}>
        <label>
          Say to everybody in it <input name="text" required autocomplete="off" />
        </label>
        <button>Say</button>
      </form>
      <div class="row">
        <button onClick={() => (isSure ? remove() : setSure(true))}>
          {isSure ? "Delete it, with its requests: yes" : "Delete the room"}
        </button>
        {isSure && <button onClick={() => setSure(false)}>No</button>}
      </div>
    </>
  );
}
