import { useEffect, useRef } from "preact/hooks";
import { FIELDS } from "./field-descriptions.js";

/** Longer values are cut; the complete frame is shown below. */
const LONG = 48;

/** One arrow's frame as it was on the wire, and the meaning of its fields. */
export function FrameDialog({ arrow, title, onClose }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), [arrow]);
  const { entry } = arrow;
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="frame-title">
      <div class="row">
        <h2 id="frame-title">{title}</h2>
        <button aria-label="Close" onClick={() => dialog.current.close()}>
          ✕
        </button>
      </div>
      {entry.frame ? <Frame frame={entry.frame} /> : <NoFrame entry={entry} />}
    </dialog>
  );
}

function NoFrame({ entry }) {
  if (entry.kind !== "saved") return <p>The WebSocket was opened or closed. No frame was sent.</p>;
  return (
    <p>
      No frame was sent: the private key is stored as <code>{entry.name}</code> in this browser’s localStorage and
      never leaves it.
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
          {/* On phones, CSS shows the rows as cards; explicit roles keep the table accessible. */}
          <table role="table" class="cards">
            <thead role="rowgroup">
              <tr role="row">
                <th scope="col" role="columnheader">field</th>
                <th scope="col" role="columnheader">value</th>
                <th scope="col" role="columnheader">meaning</th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {fields.map(([name, value]) => (
                <tr role="row" class={FIELDS[name]?.kind}>
                  <th scope="row" role="rowheader">{name}</th>
                  <td role="cell">
                    <code>{short(value)}</code>
                  </td>
                  <td role="cell">{FIELDS[name]?.text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <details>
        <summary>Complete frame</summary>
        <pre tabIndex={0}>{JSON.stringify(frame, null, 2)}</pre>
      </details>
    </>
  );
}

/** The fields of the payload, and the fields of the items and objects in it. */
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
