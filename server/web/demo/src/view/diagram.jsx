import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { LINES } from "../wire/arrows.js";
import { FrameDialog } from "./frame-dialog.jsx";
import { Progress } from "./progress.jsx";

const TITLES = { alice: "Alice", room: "Room", channel: "Channel", bob: "Bob" };

/**
 * All messages so far, as a sequence diagram. While a flow plays it stays at the window's lower
 * edge, however the page is scrolled, and scrolls by itself to the newest message.
 */
export function Diagram({ log, player, isShown }) {
  const [isFull, setFull] = useState(false);
  const [shown, setShown] = useState(null);
  const end = useRef(null);
  const arrows = log.arrows.value.filter(({ minor }) => isFull || !minor);
  const isKept = player?.keepsInSight.value ?? false;
  useLayoutEffect(() => {
    const list = end.current;
    list.scrollTop = list.scrollHeight;
  }, [arrows.at(-1)?.id, isShown, isKept]);
  return (
    <section class={isKept ? "messages kept-in-sight" : "messages"} aria-labelledby="diagram">
      <div class="row">
        <h2 id="diagram">Messages</h2>
        {player && <Progress player={player} />}
        {player && (
          <button title="Keep the diagram in sight" onClick={() => (player.keepsInSight.value = !isKept)}>
            {isKept ? "Unpin" : "Pin"}
          </button>
        )}
        <label class="extra">
          <input type="checkbox" checked={isFull} onChange={({ target }) => setFull(target.checked)} /> show every frame
        </label>
        <button class="extra" onClick={() => log.clear()}>
          Clear
        </button>
      </div>
      <p class="small extra">
        Solid arrows are live, dashed arrows are stored or fetched. Select an arrow to see the frame as the server sees
        it.
      </p>
      <div class="diagram">
        <ul class="lifelines" aria-label="Participants, from left to right">
          {LINES.map((line) => (
            <li class={line}>{TITLES[line]}</li>
          ))}
        </ul>
        <ol class="arrows" ref={end} tabIndex={0} aria-label="Messages, newest last">
          {arrows.length === 0 && <li class="empty">Nothing yet. Play a flow, or let Alice create a room.</li>}
          {arrows.map((arrow) => (
            <Row key={arrow.id} arrow={arrow} onShow={() => setShown(arrow)} />
          ))}
        </ol>
      </div>
      {shown && <FrameDialog arrow={shown} title={titleOf(shown)} onClose={() => setShown(null)} />}
    </section>
  );
}

function titleOf({ from, to, label }) {
  return from === to ? `${TITLES[from]} ${label}` : `${TITLES[from]} to ${TITLES[to]}: ${label}`;
}

function Row({ arrow, onShow }) {
  const { from, to, label, dashed, minor, online, entry } = arrow;
  const kinds = [from === to ? "self" : "arrow", `from-${from}`, `to-${to}`, dashed && "dashed", minor && "minor"];
  return (
    <li class="step">
      {LINES.map((line) => (
        <span class={`line ${line} ${isAway(line, online) ? "away" : ""}`} aria-hidden="true" />
      ))}
      <button
        class={kinds.filter(Boolean).join(" ")}
        onClick={onShow}
        aria-label={titleOf(arrow)}
        aria-haspopup="dialog"
        data-event={entry.event ?? entry.kind}
      >
        <span class="label">{breakable(label)}</span>
        <span class="shaft" aria-hidden="true" />
      </button>
    </li>
  );
}

/** Allows line breaks within long names, such as `presence_state` or `localStorage`. */
function breakable(text) {
  const parts = text.split(/(?<=_)|(?<=[a-z])(?=[A-Z])/);
  return parts.flatMap((part, index) => (index > 0 ? [<wbr />, part] : [part]));
}

const isAway = (line, online) => (line === "alice" || line === "bob") && !online[line];
