import { TILES } from "../figures.js";

/** Single numbers, as they are now. */
export function Tiles({ samples: [before, now] }) {
  return (
    <dl class="tiles">
      {TILES.map(({ label, format, of }) => {
        const value = now ? of(before, now) : null;
        return (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value === null || Number.isNaN(value) ? "–" : format(value)}</dd>
          </div>
        );
      })}
    </dl>
  );
}
