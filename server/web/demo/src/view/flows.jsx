import { FLOWS } from "../flows/flows.js";
import { SPEEDS } from "../flows/player.js";

/** Who is online while Bob asks and while Alice answers; a filled circle is online. */
const PICTURES = {
  online: ["● ●", "● ●"],
  offline: ["○ ●", "● ○"],
  "bob-waits": ["○ ●", "● ●"],
  "bob-leaves": ["● ●", "● ○"],
};

/** A button for each flow, and the progress of the flow being played. */
export function Flows({ player }) {
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
            <button class="flow" aria-pressed={at?.flow === id} onClick={() => player.play(id)} data-flow={id}>
              <strong>{title}</strong>
              <span>{about}</span>
              <span class="picture" aria-hidden="true">
                <span>{PICTURES[id][0]}</span> → <span>{PICTURES[id][1]}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <Progress player={player} />
    </section>
  );
}

function Progress({ player }) {
  const at = player.at.value;
  const flow = player.flow.value;
  const steps = flow?.steps ?? [];
  let text = "Or do it yourself with Alice’s and Bob’s buttons.";
  if (at?.isOver) text = `“${flow.title}” is complete: Bob has the key, and the two can chat.`;
  else if (flow) text = `Step ${at.step + 1} of ${steps.length}: ${steps[at.step].description}`;
  return (
    <div class="progress">
      {flow && <progress value={at.step} max={steps.length} aria-label={`Progress of “${flow.title}”`} />}
      <p role="status" data-over={at?.isOver ? flow.id : undefined}>
        {text}
      </p>
      {flow && !at.isOver && <button onClick={() => player.stop()}>Stop</button>}
    </div>
  );
}
