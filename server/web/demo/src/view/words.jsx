/** A fingerprint, in two lines of four words, as one would say it. */
export function Words({ words, label }) {
  const all = words.split(" ");
  return (
    <span class="words" role="group" aria-label={label}>
      <span>{all.slice(0, 4).join(" ")}</span> <span>{all.slice(4).join(" ")}</span>
    </span>
  );
}
