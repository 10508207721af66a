import { Words } from "./words.jsx";

/** The room between them: what the server keeps of it. */
export function RoomCard({ place, log }) {
  const rid = place.rid.value;
  const { card, requests } = log.stored.value;
  const shown = place.card.value ?? card;
  return (
    <section class="card room" aria-labelledby="room">
      <h2 id="room">
        <span class="face" aria-hidden="true">
          ⌂
        </span>
        {rid ? (shown?.name ?? "The room") : "No room yet"}
      </h2>
      {!rid && <p>A member makes one: a key pair. Whoever has its private half is a member.</p>}
      {rid && place.words.value && (
        <>
          <p class="small">Its words, the same for everybody at this door:</p>
          <Words words={place.words.value} label="The room’s words" />
        </>
      )}
      {rid && (
        <>
          <h3>The server keeps</h3>
          <ul class="stored" aria-label="What the server keeps">
            <li>the room’s card: its name and its public key</li>
            {requests.map(({ requestId, uid, approves }) => (
              <li key={`${uid} ${requestId}`} data-approves={approves}>
                {log.nameOf(uid)}’s request{approves > 0 && " and the key, sealed for them: ciphertext"}
              </li>
            ))}
          </ul>
          <h3>The server never has</h3>
          <ul class="never">
            <li>the room’s private key</li>
            <li>what is said in the room</li>
          </ul>
          <p>
            <button onClick={({ currentTarget }) => copyLink(currentTarget, place.windowOf("bob"))}>
              Copy a link for Bob
            </button>
          </p>
        </>
      )}
    </section>
  );
}

async function copyLink(button, link) {
  await navigator.clipboard.writeText(link);
  button.textContent = "Copied";
}
