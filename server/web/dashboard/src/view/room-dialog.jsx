import { useEffect, useRef, useState } from "preact/hooks";
import { refresh } from "../refresh.js";

/** One room: its current subscribers, and the operator's actions. */
export function RoomDialog({ admin, room, isFull, onClose }) {
  const dialog = useRef(null);
  const [{ items: members, next }, setMembers] = useState({ items: [], next: null });
  const [error, setError] = useState(null);
  const [message, setMessage] = useState(null);
  useEffect(() => dialog.current.showModal(), []);
  useEffect(() => {
    const asked = new AbortController();
    const load = async () => {
      try {
        setMembers(await admin.members(room.rid, asked.signal));
        setError(null);
      } catch (error) {
        if (!asked.signal.aborted) setError(error.message);
      }
    };
    const end = refresh(load);
    return () => {
      end();
      asked.abort();
    };
  }, [room.rid]);
  const title = room.name ?? "Unnamed room";
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
        Policy {room.policy}, card version {room.version}, {room.waiting} waiting{" "}
        {room.waiting === 1 ? "request" : "requests"},{" "}
        {next ? `more than ${members.length}` : members.length} connected now.
      </p>
      <ul aria-label="Connected now">
        {members.map(({ uid, role, connection }) => (
          <li key={connection}>
            {role} <code>{uid}</code>
          </li>
        ))}
      </ul>
      {isFull && <Actions admin={admin} room={room} onMessage={setMessage} onDeleted={() => dialog.current.close()} />}
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {message && <p role="status">{message}</p>}
    </dialog>
  );
}

function Actions({ admin, room, onMessage, onDeleted }) {
  const [isSure, setSure] = useState(false);
  const attempt = async (act, done) => {
    try {
      await act();
      done();
    } catch (error) {
      onMessage(error.message);
    }
  };
  const broadcast = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { text } = Object.fromEntries(new FormData(form));
    attempt(() => admin.broadcast(room.rid, text), () => {
      onMessage("Sent to everyone in the room.");
      form.reset();
    });
  };
  const remove = () => attempt(() => admin.deleteRoom(room.rid), onDeleted);
  return (
    <>
      <form class="row" onSubmit={broadcast}>
        <label>
          Message to everyone in the room <input name="text" required autocomplete="off" />
        </label>
        <button>Send</button>
      </form>
      <div class="row">
        <button onClick={() => (isSure ? remove() : setSure(true))}>
          {isSure ? "Yes, delete the room and its requests" : "Delete the room"}
        </button>
        {isSure && <button onClick={() => setSure(false)}>Cancel</button>}
      </div>
    </>
  );
}
