/** A fingerprint in two lines of four words, as one would read it out. */
export function Fingerprint({ words, label }) {
  const all = words.split(" ");
  return (
    <span class="words" role="group" aria-label={label}>
      <span>{all.slice(0, 4).join(" ")}</span> <span>{all.slice(4).join(" ")}</span>
    </span>
  );
}
