// The histogram of a tensor's values against their exact density.
import { Chart } from "./chart.js";
import { number } from "./format.js";
import { html } from "./preact.js";

export const HEIGHT = 300;

/** `counts` between `edges`, and the `density` at each edge where it is known. `total` values were counted.
 *  Bins of `masses`, numbers that many values are, are cut off where the density would be flat beside them. */
export function Histogram({ counts, edges, density, masses, total, log, label, onDrawn }) {
  const bars = counts.map((count, at) => ({
    x1: edges[at],
    x2: edges[at + 1],
    y: count / (total || 1) / (edges[at + 1] - edges[at]),
  }));
  const drawn = log ? bars.filter(({ y }) => y > 0) : bars;
  const points = (density ?? []).map((y, at) => ({ x: edges[at], y }));
  const floor = log ? Math.min(...drawn.map(({ y }) => y)) / 2 : 0;
  const curve = points.filter(({ y }) => y > 0 && y >= floor);
  const continuous = density?.some((y) => y > 0);
  const holdsMass = ({ x1, x2 }) => continuous && masses?.some(({ value }) => value >= x1 && value <= x2);
  const top = Math.max(...drawn.filter((bar) => !holdsMass(bar)).map(({ y }) => y), ...curve.map(({ y }) => y));
  return html`<${Chart} height=${HEIGHT} label=${label} inputs=${[counts, edges, density, log]} onDrawn=${onDrawn}
    options=${(Plot, width) => ({
      marginLeft: 52,
      marginRight: 12,
      marginBottom: 36,
      x: {
        label: "value",
        labelAnchor: "center",
        labelArrow: "none",
        domain: [edges[0], edges.at(-1)],
        ticks: width < 420 ? 4 : 7,
        tickFormat: number,
      },
      y: {
        label: "density",
        labelArrow: "none",
        grid: true,
        type: log ? "log" : "linear",
        domain: [floor, top * (log ? 2 : 1.08)],
        ticks: log ? powers(floor, top * 2) : 5,
        tickFormat: number,
      },
      marks: [
        Plot.rectY(drawn, { x1: "x1", x2: "x2", y1: floor, y2: "y", fill: "var(--bars)", clip: true, insetLeft: 0.5, insetRight: 0.5 }),
        Plot.ruleY([floor], { stroke: "var(--line-strong)" }),
        Plot.line(curve, { x: "x", y: "y", stroke: "var(--card)", strokeWidth: 3.4 }), // sets the curve off the bars
        Plot.line(curve, { x: "x", y: "y", stroke: "var(--curve)", strokeWidth: 2 }),
      ],
    })} />`;
}

/** The powers of ten between two numbers, at most seven of them. */
function powers(low, high) {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const step = Math.max(1, Math.ceil((last - first) / 6));
  return Array.from({ length: Math.max(0, Math.floor((last - first) / step) + 1) }, (_, at) => Number(`1e${first + at * step}`));
}
