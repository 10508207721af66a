import { TILES } from "../figures.js";

/** The current values of single numbers. */
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
