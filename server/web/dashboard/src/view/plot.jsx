import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const HEIGHT = 150;

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

/** From 0 to slightly more than the highest value, or to 1 if there is none. */
const range = (_, __, highest) => [0, highest > 0 ? highest * 1.1 : 1];

/** The theme's values, because uPlot draws on a canvas, which cannot use CSS variables. */
function colors() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

/** A plot of the last five minutes. */
export function Plot({ plot: { title, format, figures }, columns }) {
  const container = useRef(null);
  const drawn = useRef(null);

  useEffect(() => {
    const color = colors();
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--edge"), width: 1 }, ticks: { show: false } };
    const timeAxis = { ...axis, space: 110, values: (_, ticks) => ticks.map(clock) };
    const valueAxis = { ...axis, size: 62, values: (_, ticks) => ticks.map(format) };
    const options = {
      width: container.current.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range } },
      axes: [timeAxis, valueAxis],
      series: [{}, ...figures.map(({ color: name }) => ({ stroke: color(name), width: 2 }))],
    };
    drawn.current = new uPlot(options, columns, container.current);
    const resize = () => drawn.current.setSize({ width: container.current.clientWidth, height: HEIGHT });
    const fit = new ResizeObserver(resize);
    fit.observe(container.current);
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
      <div ref={container} role="img" aria-label={`${title}, the last five minutes`} />
    </figure>
  );
}
