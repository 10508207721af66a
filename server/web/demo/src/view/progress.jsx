/** The progress of the flow being played. */
export function Progress({ player }) {
  const at = player.at.value;
  const flow = player.flow.value;
  const steps = flow?.steps ?? [];
  let text = "";
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
