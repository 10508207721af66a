import { useState } from "preact/hooks";
import { KeyIcon } from "./key-icon.jsx";
import { Chat } from "./chat.jsx";
import { Fingerprint } from "./fingerprint.jsx";
import { formOf } from "./form.js";
import { Requests } from "./requests.jsx";
import { Switch } from "./switch.jsx";
import { inShort, wordsFor } from "../words.js";

const STATUS = {
  offline: "offline",
  connecting: "connecting …",
  online: "online",
  away: "the server is away; trying again …",
  elsewhere: "open in another window of this browser",
};

/** One person: their status, their actions, and what their browser stores. */
export function PersonCard({ person, currentRoom, isAlone }) {
  const { name, title } = person;
  const status = person.status.value;
  const isThere = status !== "offline";
  return (
    <section class={`card person ${name}`} aria-labelledby={name} data-role={person.role.value} data-status={status}>
      <div class="row">
        <h2 id={name}>
          <span class="face" aria-hidden="true">
            {title[0]}
          </span>
          {title}
        </h2>
        <Switch
          isOn={isThere}
          label={`${title} is online`}
          onSwitch={() => (isThere ? person.goOffline() : person.goOnline())}
        />
      </div>
      <p class="status">{statusText(person)}</p>
      {(status === "online" || status === "away") && <Actions person={person} currentRoom={currentRoom} />}
      <StoredKeys person={person} currentRoom={currentRoom} />
      {!isAlone && <OwnWindow person={person} currentRoom={currentRoom} />}
    </section>
  );
}

function statusText({ status: { value: status }, state }) {
  const { error } = state.value;
  return status === "connecting" && error ? `${inShort(error.reason)}; trying again …` : STATUS[status];
}

function Actions({ person, currentRoom }) {
  const [error, setError] = useState(null);
  const attempt = (act) => async (...values) => {
    try {
      setError(null);
      await act(...values);
    } catch (error) {
      setError(error);
    }
  };
  const shown = error ?? person.state.value.error;
  return (
    <>
      {!currentRoom.rid.value && <NoRoom person={person} attempt={attempt} />}
      {currentRoom.rid.value && !person.hasKey.value && (
        <Guest person={person} currentRoom={currentRoom} attempt={attempt} />
      )}
      {currentRoom.rid.value && person.hasKey.value && <Member person={person} attempt={attempt} />}
      {shown && (
        <p class="error" role="alert">
          {wordsFor(shown)}
        </p>
      )}
    </>
  );
}

function NoRoom({ person, attempt }) {
  return (
    <form onSubmit={formOf(({ name }) => attempt(() => person.createRoom({ name }))())}>
      <label>
        Name of a new room
        <input name="name" defaultValue="Garden" maxLength={80} required autocomplete="off" />
      </label>
      <button class="primary">Create the room</button>
    </form>
  );
}

function Guest({ person, currentRoom, attempt }) {
  const { asked, ended } = person.state.value;
  if (asked) {
    return (
      <div>
        <p>
          You asked for the key. You may close this page while you wait. Read these words to the member who answers:
        </p>
        <Fingerprint words={asked.fingerprint} label="Your words" />
        <button onClick={attempt(() => person.withdraw())}>Withdraw the request</button>
      </div>
    );
  }
  return (
    <form onSubmit={formOf(({ note }) => attempt(() => person.ask(note))())}>
      {ended && <p role="alert">{wordsFor({ reason: ended })}</p>}
      <p>You are a guest in {currentRoom.card.value?.name ?? "a room"}.</p>
      <label>
        Note to the members
        <input name="note" defaultValue={`It is ${person.title}`} maxLength={280} autocomplete="off" />
      </label>
      <button class="primary">Ask for the key</button>
      <button type="button" onClick={() => (currentRoom.rid.value = null)}>
        Use another room
      </button>
    </form>
  );
}

function Member({ person, attempt }) {
  return (
    <>
      <p class="has-key">
        <KeyIcon /> {person.title} has the room’s key.
      </p>
      <Requests person={person} attempt={attempt} />
      <Chat person={person} attempt={attempt} />
    </>
  );
}

/** Descriptions of the client's records; the others are not worth showing. */
const RECORDS = [
  [(name) => name === "user", "the user’s private key"],
  [(name, rid) => name === `room/${rid}/request`, "an open request, with the private key of its box"],
  [(name, rid) => name === `room/${rid}/key`, "the room’s private key"],
];

function StoredKeys({ person, currentRoom }) {
  const names = person.storedNames.value;
  const isKept = ([fits]) => names.some((name) => fits(name, currentRoom.rid.value));
  const kept = RECORDS.filter(isKept);
  return (
    <details class="kept">
      <summary>What this browser stores for {person.title}</summary>
      {kept.length === 0 ? <p>Nothing yet.</p> : null}
      <ul>
        {kept.map(([, words]) => (
          <li>{words}</li>
        ))}
      </ul>
      {names.length > 0 && <button onClick={() => person.forget()}>Delete it all</button>}
    </details>
  );
}

function OwnWindow({ person, currentRoom }) {
  const open = async (event) => {
    event.preventDefault();
    const { href } = event.currentTarget;
    // Opened first, because browsers allow it only in response to a click. The new window waits
    // until this one has disconnected.
    window.open(href, `vestibule-${person.name}`, "popup,width=560,height=900");
    await person.goOffline();
  };
  return (
    <p class="own-window">
      <a href={currentRoom.linkFor(person.name)} target="_blank" rel="noreferrer" onClick={open}>
        Open {person.title} in a new window
      </a>
    </p>
  );
}
