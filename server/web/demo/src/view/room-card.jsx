import { CopyButton } from "./copy-button.jsx";
import { Fingerprint } from "./fingerprint.jsx";

/** The room: what the server stores of it. */
export function RoomCard({ currentRoom, log }) {
  const rid = currentRoom.rid.value;
  const { card, requests } = log.stored.value;
  const shown = currentRoom.card.value ?? card;
  return (
    <section class="card room" aria-labelledby="room">
      <h2 id="room">
        <span class="face" aria-hidden="true">
          ⌂
        </span>
        {rid ? (shown?.name ?? "The room") : "No room yet"}
      </h2>
      {!rid && <p>A room is a key pair. Whoever has the private key is a member.</p>}
      {rid && currentRoom.fingerprint.value && (
        <>
          <p class="small">Everyone in this room sees the same words:</p>
          <Fingerprint words={currentRoom.fingerprint.value} label="The room’s words" />
        </>
      )}
      {rid && (
        <>
          <h3>The server stores</h3>
          <ul class="stored" aria-label="What the server stores">
            <li>the room’s card: its name and its public key</li>
            {requests.map(({ requestId, uid, approves }) => (
              <li key={`${uid} ${requestId}`} data-approves={approves}>
                {log.nameOf(uid)}’s request{approves > 0 && " and the key, encrypted for them"}
              </li>
            ))}
          </ul>
          <h3>The server never sees</h3>
          <ul class="never">
            <li>the room’s private key</li>
            <li>the content of messages</li>
          </ul>
          <p>
            <CopyButton text={() => currentRoom.linkFor("bob")}>Copy a link for Bob</CopyButton>
          </p>
        </>
      )}
    </section>
  );
}
