import { useEffect, useRef } from "preact/hooks";
import { MEANINGS } from "./meanings.js";

/** Longer values are cut; all of them are below, in the frame. */
const LONG = 48;

/** One arrow: its frame as it went over the wire, and what is in it. */
export function FrameDialog({ arrow, title, onClose }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), [arrow]);
  const { fact } = arrow;
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="frame-title">
      <div class="row">
        <h2 id="frame-title">{title}</h2>
        <button aria-label="Close" onClick={() => dialog.current.close()}>
          ✕
        </button>
      </div>
      {fact.frame ? <Frame frame={fact.frame} /> : <NoFrame fact={fact} />}
    </dialog>
  );
}

function NoFrame({ fact }) {
  if (fact.kind !== "saved") return <p>The WebSocket: no frame passes.</p>;
  return (
    <p>
      No frame passes: the private key is written to <code>{fact.name}</code> in this browser’s LocalStorage, and stays there.
    </p>
  );
}

function Frame({ frame }) {
  const [joinRef, ref, topic, event, payload] = frame;
  const content = event === "phx_reply" ? payload.response : payload;
  const fields = fieldsOf(content);
  return (
    <>
      <p class="small">
        <strong>{event}</strong> on <code>{topic}</code>, ref {ref ?? "none"}, join_ref {joinRef ?? "none"}
        {event === "phx_reply" && `, status ${payload.status}`}
      </p>
      {fields.length > 0 && (
        <div class="wide">
          {/* The roles are said, for on a phone the style makes cards of the rows. */}
          <table role="table" class="cards">
            <thead role="rowgroup">
              <tr role="row">
                <th scope="col" role="columnheader">field</th>
                <th scope="col" role="columnheader">what the server sees</th>
                <th scope="col" role="columnheader">what it is</th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {fields.map(([name, value]) => (
                <tr role="row" class={MEANINGS[name]?.kind}>
                  <th scope="row" role="rowheader">{name}</th>
                  <td role="cell">
                    <code>{short(value)}</code>
                  </td>
                  <td role="cell">{MEANINGS[name]?.is}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <details>
        <summary>The whole frame</summary>
        <pre tabIndex={0}>{JSON.stringify(frame, null, 2)}</pre>
      </details>
    </>
  );
}

/** The fields of the payload; of an answer with lists, those of what is in them too. */
function fieldsOf(content) {
  return Object.entries(content ?? {}).flatMap(([name, value]) => {
    if (Array.isArray(value)) return value.flatMap((item) => Object.entries(item));
    return value && typeof value === "object" ? Object.entries(value) : [[name, value]];
  });
}

function short(value) {
  const text = String(value);
  return text.length > LONG ? `${text.slice(0, LONG)}… (${text.length} characters)` : text;
}
