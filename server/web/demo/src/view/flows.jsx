import { FLOWS } from "../flows/flows.js";
import { PACES } from "../flows/player.js";

/** Who is there while the request is under way, from left to right: filled is online. */
const PICTURES = {
  online: ["● ●", "● ●"],
  offline: ["○ ●", "● ○"],
  "bob-waits": ["○ ●", "● ●"],
  "bob-leaves": ["● ●", "● ○"],
};

/** The four flows as buttons, and how far the one that is played has come. */
export function Flows({ player }) {
  const at = player.at.value;
  return (
    <section aria-labelledby="flows">
      <div class="row">
        <h2 id="flows">Watch it happen</h2>
        <label class="pace">
          Pace{" "}
          <select value={player.pace.value} onChange={({ target }) => (player.pace.value = target.value)}>
            {Object.keys(PACES).map((pace) => (
              <option value={pace}>{pace}</option>
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
  let text = "Or do it by hand, with the buttons of Alice and Bob.";
  if (at?.isOver) text = `“${flow.title}” is over: Bob has the key, and they talk with it.`;
  else if (flow) text = `Step ${at.step + 1} of ${steps.length}: ${steps[at.step].says}`;
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
