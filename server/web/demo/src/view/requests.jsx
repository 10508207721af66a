import { useEffect, useRef, useState } from "preact/hooks";
import { keyOf } from "../people/held-denials.js";
import { Fingerprint } from "./fingerprint.jsx";

/** For a member: the requests to answer, and the denials, which can be lifted. */
export function Requests({ person, attempt }) {
  const { pending, denials } = person.state.value;
  return (
    <>
      {pending.length > 0 && (
        <ul class="requests" aria-label="Requests for the key">
          {pending.map((request) => (
            <Request key={keyOf(request)} request={request} person={person} attempt={attempt} />
          ))}
        </ul>
      )}
      {denials.length > 0 && (
        <ul class="requests" aria-label="Denied requests">
          {denials.map(({ uid, requests: [request] }) => (
            <li key={uid}>
              <p>
                The request {request?.note && <q>{request.note}</q>} was denied, and the newcomer was told. You can
                still change your mind.
              </p>
              <button onClick={attempt(() => person.unblock(uid))}>Lift the denial</button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Request({ request, person, attempt }) {
  const isHeld = person.held.keys.value.includes(keyOf(request));
  // The pressed button disappears, and the focus goes to the one that takes its place.
  const [isFocused, setFocused] = useState(false);
  const deny = () => {
    setFocused(true);
    return attempt(() => person.deny(request))();
  };
  return (
    <li>
      <p>
        Somebody asks for the key: <q>{request.note}</q> Call them. Do they read you these words?
      </p>
      <Fingerprint words={request.fingerprint} label="The newcomer’s words" />
      {isHeld ? (
        <div class="held">
          <p role="status">You said no. It is sent in five seconds; until then you can undo it.</p>
          <span class="time" aria-hidden="true" />
          <Focused isFocused={isFocused} onClick={() => person.held.undo(request)}>
            Undo
          </Focused>
        </div>
      ) : (
        <div class="row">
          <button class="primary" onClick={attempt(() => person.approve(request))}>
            Yes: send the key
          </button>
          <Focused isFocused={isFocused} onClick={deny}>
            No
          </Focused>
        </div>
      )}
    </li>
  );
}

/** A button that takes the focus when it appears. */
function Focused({ isFocused, onClick, children }) {
  const button = useRef(null);
  useEffect(() => {
    if (isFocused) button.current.focus();
  }, []);
  return (
    <button ref={button} onClick={onClick}>
      {children}
    </button>
  );
}
