import { useState } from "preact/hooks";
import { KeyIcon } from "./key-icon.jsx";
import { Talk } from "./talk.jsx";
import { Words } from "./words.jsx";

const STATUS = {
  offline: "offline",
  connecting: "looking for the server …",
  online: "online",
  elsewhere: "open in another window of this browser",
};

/** Why a request ended without the key, to who asked. */
const ENDED = {
  denied: "A member said no. Another one may still say yes.",
  withdrawn: "You took the request back.",
  expired: "Nobody answered in time.",
};

/** One person: whether they are there, what they can do, and what their browser keeps. */
export function PersonCard({ person, place, isAlone }) {
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
      {status === "online" && <Doings person={person} place={place} />}
      <Kept person={person} place={place} />
      {!isAlone && <OwnWindow person={person} place={place} />}
    </section>
  );
}

function Doings({ person, place }) {
  const [trouble, setTrouble] = useState(null);
  const tries = (act) => async (...values) => {
    try {
      setTrouble(null);
      await act(...values);
    } catch (error) {
      setTrouble(wordsFor(error));
    }
  };
  const { trouble: told } = person.seen.value;
  return (
    <>
      {!place.rid.value && <NoRoom person={person} tries={tries} />}
      {place.rid.value && !person.hasKey.value && <Guest person={person} place={place} tries={tries} />}
      {place.rid.value && person.hasKey.value && <Member person={person} tries={tries} />}
      {(trouble ?? told) && (
        <p class="trouble" role="alert">
          {trouble ?? told}
        </p>
      )}
    </>
  );
}

function wordsFor({ reason, message, retryMs }) {
  if (reason === "cooldown") return `Denied before: ask again in ${Math.ceil(retryMs / 3_600_000)} hours.`;
  if (reason === "blocked") return "A member does not want to be asked again.";
  return message;
}

function NoRoom({ person, tries }) {
  return (
    <form onSubmit={submit(({ name }) => tries(() => person.createRoom({ name }))())}>
      <label>
        Name of a new room
        <input name="name" defaultValue="Garden" maxLength={80} required autocomplete="off" />
      </label>
      <button class="primary">Create the room</button>
    </form>
  );
}

function Guest({ person, place, tries }) {
  const { asked, ended } = person.seen.value;
  if (asked) {
    return (
      <div>
        <p>
          You asked for the key. Until a member answers, you may close this page. Read these words to whoever answers:
        </p>
        <Words words={asked.fingerprint} label="Your words" />
        <button onClick={tries(() => person.withdraw())}>Take it back</button>
      </div>
    );
  }
  return (
    <form onSubmit={submit(({ note }) => tries(() => person.ask(note))())}>
      {ended && <p role="alert">{ENDED[ended] ?? ended}</p>}
      <p>You are at the door of {place.card.value?.name ?? "a room"}.</p>
      <label>
        A note for its members
        <input name="note" defaultValue={`It is ${person.title}`} maxLength={280} autocomplete="off" />
      </label>
      <button class="primary">Ask for the key</button>
      <button type="button" onClick={() => (place.rid.value = null)}>
        Another room
      </button>
    </form>
  );
}

function Member({ person, tries }) {
  const { pending } = person.seen.value;
  return (
    <>
      <p class="has-key">
        <KeyIcon /> {person.title} has the room’s key.
      </p>
      {pending.length > 0 && (
        <ul class="requests" aria-label="Who asks for the key">
          {pending.map((request) => (
            <li key={`${request.uid} ${request.requestId}`}>
              <p>
                Somebody asks: <q>{request.note}</q> Call them. Do they read these words to you?
              </p>
              <Words words={request.fingerprint} label="Words of who asks" />
              <div class="row">
                <button class="primary" onClick={tries(() => person.approve(request))}>
                  Yes: send the key
                </button>
                <button onClick={tries(() => person.deny(request))}>No</button>
              </div>
            </li>
          ))}
        </ul>
      )}
      <Talk person={person} tries={tries} />
    </>
  );
}

/** Names of the client's records, in words; what is not listed is housekeeping. */
const KEPT = [
  [(name) => name === "user", "private key of the user"],
  [(name, rid) => name === `room/${rid}/request`, "an open request, with the private key of its box"],
  [(name, rid) => name === `room/${rid}/key`, "the room’s private key"],
];

function Kept({ person, place }) {
  const names = person.kept.value;
  const isKept = ([fits]) => names.some((name) => fits(name, place.rid.value));
  const kept = KEPT.filter(isKept);
  return (
    <details class="kept">
      <summary>What this browser keeps for {person.title}</summary>
      {kept.length === 0 ? <p>Nothing yet.</p> : null}
      <ul>
        {kept.map(([, words]) => (
          <li>{words}</li>
        ))}
      </ul>
      {names.length > 0 && <button onClick={() => person.forget()}>Forget it all</button>}
    </details>
  );
}

function OwnWindow({ person, place }) {
  const open = async (event) => {
    event.preventDefault();
    const { href } = event.currentTarget;
    // Opened first, while the browser still knows that somebody clicked; the window waits for its turn.
    window.open(href, `vestibule-${person.name}`, "popup,width=560,height=900");
    await person.goOffline();
  };
  return (
    <p class="own-window">
      <a href={place.windowOf(person.name)} target="_blank" rel="noreferrer" onClick={open}>
        Open {person.title} in a window
      </a>
    </p>
  );
}

/** A form's fields as an object, without leaving the page. */
const submit = (handle) => (event) => {
  event.preventDefault();
  handle(Object.fromEntries(new FormData(event.currentTarget)));
};
