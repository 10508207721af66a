/** An SVG, because not every system's fonts include a key. */
export function KeyIcon() {
  return (
    <svg class="key" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <circle cx="8" cy="12" r="4.5" />
      <path d="M12.5 12H22M18.5 12v4M22 12v3" />
    </svg>
  );
}
