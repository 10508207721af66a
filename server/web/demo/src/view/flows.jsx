import { FLOWS } from "../flows/flows.js";
import { SPEEDS } from "../flows/player.js";

/** Who is online while Bob asks and while Alice answers; a filled circle is online. */
const PICTURES = {
  online: ["● ●", "● ●"],
  offline: ["○ ●", "● ○"],
  "bob-waits": ["○ ●", "● ●"],
  "bob-leaves": ["● ●", "● ○"],
};

/**
 * A button for each flow.
 *
 * @param {{player: import("../flows/player.js").Player, onPlay: (flow: string) => void}} props
 */
export function Flows({ player, onPlay }) {
  const at = player.at.value;
  return (
    <section aria-labelledby="flows">
      <div class="row">
        <h2 id="flows">Watch it happen</h2>
        <label class="speed">
          Speed{" "}
          <select value={player.speed.value} onChange={({ target }) => (player.speed.value = target.value)}>
            {Object.keys(SPEEDS).map((speed) => (
              <option value={speed}>{speed}</option>
            ))}
          </select>
        </label>
      </div>
      <ul class="flows">
        {FLOWS.map(({ id, title, about }) => (
          <li>
            <button class="flow" aria-pressed={at?.flow === id} onClick={() => onPlay(id)} data-flow={id}>
              <strong>{title}</strong>
              <span>{about}</span>
              <span class="picture" aria-hidden="true">
                <span>{PICTURES[id][0]}</span> → <span>{PICTURES[id][1]}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p class="small">Or do it yourself with Alice’s and Bob’s buttons.</p>
    </section>
  );
}
