/** A switch by which somebody goes online and offline. */
export function Switch({ isOn, label, onSwitch }) {
  return (
    <button class="switch" role="switch" aria-checked={isOn} aria-label={label} onClick={onSwitch}>
      <span aria-hidden="true" />
    </button>
  );
}
