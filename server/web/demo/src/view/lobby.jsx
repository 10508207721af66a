import { useLayoutEffect, useRef, useState } from "preact/hooks";
import lobbyFile from "../../lobby.toml?raw";
import { MAX_BODY, MAX_NAME } from "../lobby/lobby.js";
import { CopyButton } from "./copy-button.jsx";
import { formOf } from "./form.js";
import { Switch } from "./switch.jsx";
import { wordsFor } from "../words.js";

/** The table of the channel, without the comments above it. */
const TABLE = lobbyFile.slice(lobbyFile.indexOf("\n[") + 1).trim();

const STATUS = {
  joining: "entering …",
  inside: "online",
  offline: "offline: the others go on without you",
  away: "the server is away; trying again …",
};

/** Why messages are missing. */
const GAPS = {
  too_far_behind: "More was said meanwhile than the server keeps. Some messages are missing.",
  forgotten: "The server has started anew and forgotten what was said. Messages may be missing.",
};

/** How many people are listed by name. */
const MAX_LISTED = 50;

/** The second tab: a room for everybody, of a channel that is nothing but seven lines of settings. */
export function Lobby({ lobby, isShown }) {
  const status = lobby.status.value;
  const isEntered = status in STATUS;
  return (
    <>
      <p class="about">
        Whoever opens this tab meets the others here. The page uses stock phoenix.js, and the server’s side is a few
        lines of settings. Others see your name and what you say.
      </p>
      <div class="lobby" data-status={status}>
        <section class="card channel" aria-labelledby="lobby">
          {isEntered ? <Inside lobby={lobby} isShown={isShown} /> : <Entrance lobby={lobby} />}
        </section>
        <div class="aside">
          {isEntered && <People lobby={lobby} />}
          {status !== "unserved" && <Settings />}
        </div>
      </div>
    </>
  );
}

function Entrance({ lobby }) {
  const status = lobby.status.value;
  return (
    <>
      <h2 id="lobby">Enter the lobby</h2>
      {status === "unserved" && <Unserved />}
      {status === "refused" && <p role="alert">{whyRefused(lobby.refusal.value)}</p>}
      <form onSubmit={formOf(({ name }) => name.trim() && lobby.enter(name))}>
        <label>
          Your name
          <input name="name" defaultValue={lobby.name.value} maxLength={MAX_NAME} required autocomplete="nickname" />
        </label>
        <button class="primary">{status === "outside" ? "Enter" : "Try again"}</button>
      </form>
    </>
  );
}

/** The lobby has no sign-in, so that advice would not help. */
function whyRefused(refusal) {
  if (refusal.reason !== "unauthorized") return wordsFor(refusal);
  return "This server’s lobby is not open to everybody: its settings do not say join = \"anyone\".";
}

function Unserved() {
  return (
    <div role="alert">
      <p>
        <strong>This server has no lobby yet.</strong> To give it one, add these lines to its file of settings, the one
        that <code>--config</code> names, and restart the server or send it SIGHUP:
      </p>
      <Toml />
    </div>
  );
}

function Settings() {
  return (
    <section class="card" aria-labelledby="settings">
      <h2 id="settings">This is all there is</h2>
      <p class="small">
        The server’s side of this lobby. <code>make run</code> starts with it.
      </p>
      <Toml />
    </section>
  );
}

function Toml() {
  return (
    <>
      <pre class="toml" tabIndex={0} aria-label="The lobby’s settings">
        {TABLE}
      </pre>
      <CopyButton text={() => `${TABLE}\n`}>Copy the lines</CopyButton>
    </>
  );
}

function Inside({ lobby, isShown }) {
  const status = lobby.status.value;
  const isOnline = status !== "offline";
  return (
    <>
      <div class="row">
        <h2 id="lobby">
          You are <bdi>{lobby.name.value}</bdi>
        </h2>
        <Switch
          isOn={isOnline}
          label="You are online"
          onSwitch={() => (isOnline ? lobby.goOffline() : lobby.goOnline())}
        />
      </div>
      <p class="status">{STATUS[status]}</p>
      <Transcript messages={lobby.messages.value} isShown={isShown} />
      <Say lobby={lobby} />
      <p class="small row">
        <a href="#lobby" target="_blank" rel="noreferrer">
          Open a second window
        </a>
        <button onClick={() => lobby.leave()}>Leave</button>
      </p>
    </>
  );
}

function Transcript({ messages, isShown }) {
  const list = useRef(null);
  useLayoutEffect(() => {
    list.current.scrollTop = list.current.scrollHeight;
  }, [messages.at(-1)?.id, isShown]);
  return (
    <ol class="transcript" ref={list} tabIndex={0} aria-label="What is said in the lobby" aria-live="polite">
      {messages.length === 0 && (
        <li class="empty">Nothing said yet. Say something, or open a second window and be two.</li>
      )}
      {messages.map((message) => (
        <Item key={message.id} message={message} />
      ))}
    </ol>
  );
}

function Item({ message }) {
  const { kind, name, body, isOwn } = message;
  if (kind === "gap") return <li class="note">{GAPS[message.gap] ?? GAPS.forgotten}</li>;
  if (kind === "missed") {
    const { missed } = message;
    return <li class="note">{missed === 1 ? "One message" : `${missed} messages`} while you were away:</li>;
  }
  return (
    <li class={isOwn ? "own" : ""}>
      <bdi class="from">{name}</bdi> <bdi>{body}</bdi>
    </li>
  );
}

function Say({ lobby }) {
  const [error, setError] = useState(null);
  const isInside = lobby.status.value === "inside";
  const say = async ({ body }, form) => {
    if (!isInside || !body.trim()) return;
    try {
      setError(null);
      await lobby.say(body);
      form.reset();
    } catch (refusal) {
      setError(wordsFor(refusal));
    }
  };
  return (
    <>
      <form class="say" onSubmit={formOf(say)}>
        <label>
          Say something
          <input name="body" maxLength={MAX_BODY} autocomplete="off" placeholder="Everybody here can read it" />
        </label>
        <button class="primary" disabled={!isInside}>
          Say it
        </button>
      </form>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
    </>
  );
}

function People({ lobby }) {
  const people = lobby.people.value;
  const more = people.length - MAX_LISTED;
  return (
    <section class="card" aria-labelledby="people">
      <h2 id="people">
        Here now <span class="count">{people.length}</span>
      </h2>
      <ul class="names" tabIndex={0} aria-labelledby="people">
        {people.slice(0, MAX_LISTED).map(({ key, name }) => (
          <li key={key}>
            <bdi>{name}</bdi>
          </li>
        ))}
        {more > 0 && <li>and {more} more</li>}
      </ul>
      <p class="small">Anyone may take any name here. In the other tab, keys prove who is who.</p>
    </section>
  );
}
