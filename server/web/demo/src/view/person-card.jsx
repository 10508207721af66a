import { useState } from "preact/hooks";
import { KeyIcon } from "./key-icon.jsx";
import { Chat } from "./chat.jsx";
import { Fingerprint } from "./fingerprint.jsx";

const STATUS = {
  offline: "offline",
  connecting: "connecting …",
  online: "online",
  elsewhere: "open in another window of this browser",
};

/** Explains to the newcomer why a request ended without the key. */
const ENDED = {
  denied: "A member denied the request. Another member may still approve it.",
  withdrawn: "You withdrew the request.",
  expired: "Nobody answered in time.",
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
        <button
          class="switch"
          role="switch"
          aria-checked={isThere}
          aria-label={`${title} is online`}
          onClick={() => (isThere ? person.goOffline() : person.goOnline())}
        >
          <span aria-hidden="true" />
        </button>
      </div>
      <p class="status">{STATUS[status]}</p>
      {status === "online" && <Actions person={person} currentRoom={currentRoom} />}
      <StoredKeys person={person} currentRoom={currentRoom} />
      {!isAlone && <OwnWindow person={person} currentRoom={currentRoom} />}
    </section>
  );
}

function Actions({ person, currentRoom }) {
  const [error, setError] = useState(null);
  const attempt = (act) => async (...values) => {
    try {
      setError(null);
      await act(...values);
    } catch (error) {
      setError(messageFor(error));
    }
  };
  const { error: reported } = person.state.value;
  return (
    <>
      {!currentRoom.rid.value && <NoRoom person={person} attempt={attempt} />}
      {currentRoom.rid.value && !person.hasKey.value && (
        <Guest person={person} currentRoom={currentRoom} attempt={attempt} />
      )}
      {currentRoom.rid.value && person.hasKey.value && <Member person={person} attempt={attempt} />}
      {(error ?? reported) && (
        <p class="error" role="alert">
          {error ?? reported}
        </p>
      )}
    </>
  );
}

function messageFor({ reason, message, retryMs }) {
  if (reason === "cooldown") {
    return `A member denied your request. You can ask again in ${Math.ceil(retryMs / 3_600_000)} hours.`;
  }
  if (reason === "blocked") return "A member has blocked your requests.";
  return message;
}

function NoRoom({ person, attempt }) {
  return (
    <form onSubmit={submit(({ name }) => attempt(() => person.createRoom({ name }))())}>
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
    <form onSubmit={submit(({ note }) => attempt(() => person.ask(note))())}>
      {ended && <p role="alert">{ENDED[ended] ?? ended}</p>}
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
  const { pending } = person.state.value;
  return (
    <>
      <p class="has-key">
        <KeyIcon /> {person.title} has the room’s key.
      </p>
      {pending.length > 0 && (
        <ul class="requests" aria-label="Requests for the key">
          {pending.map((request) => (
            <li key={`${request.uid} ${request.requestId}`}>
              <p>
                Somebody asks for the key: <q>{request.note}</q> Call them. Do they read you these words?
              </p>
              <Fingerprint words={request.fingerprint} label="The newcomer’s words" />
              <div class="row">
                <button class="primary" onClick={attempt(() => person.approve(request))}>
                  Yes: send the key
                </button>
                <button onClick={attempt(() => person.deny(request))}>No</button>
              </div>
            </li>
          ))}
        </ul>
      )}
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

/** Handles a form's submission with its fields as an object. */
const submit = (handle) => (event) => {
  event.preventDefault();
  handle(Object.fromEntries(new FormData(event.currentTarget)));
};
