import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const HEIGHT = 150;

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

/** From nothing to a little more than the highest; to one where there is nothing. */
const range = (_, __, highest) => [0, highest > 0 ? highest * 1.1 : 1];

/** The values of the theme, as uPlot draws on a canvas, which knows no variables. */
function colors() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

/** One plot, of the last minutes. */
export function Plot({ plot: { title, format, figures }, columns }) {
  const place = useRef(null);
  const drawn = useRef(null);

  useEffect(() => {
    const color = colors();
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--edge"), width: 1 }, ticks: { show: false } };
    const options = {
      width: place.current.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range } },
      axes: [{ ...axis, space: 110, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 62, values: (_, ticks) => ticks.map(format) }],
      series: [{}, ...figures.map(({ color: name }) => ({ stroke: color(name), width: 2 }))],
    };
    drawn.current = new uPlot(options, columns, place.current);
    const fit = new ResizeObserver(() => drawn.current.setSize({ width: place.current.clientWidth, height: HEIGHT }));
    fit.observe(place.current);
    return () => {
      fit.disconnect();
      drawn.current.destroy();
    };
  }, []);

  useEffect(() => drawn.current.setData(columns), [columns]);

  const lasts = columns.slice(1).map((values) => values.at(-1) ?? null);
  return (
    <figure>
      <figcaption>
        <h2>{title}</h2>
        {figures.map(({ label, color }, index) => (
          <span class={`key ${color.slice(2)}`} key={label}>
            {label} <strong>{lasts[index] === null ? "–" : format(lasts[index])}</strong>
          </span>
        ))}
      </figcaption>
      <div ref={place} role="img" aria-label={`${title}, the last five minutes`} />
    </figure>
  );
}
