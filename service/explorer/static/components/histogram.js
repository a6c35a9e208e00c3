// The histogram of a tensor's values against the exact density.
import { Chart } from "./chart.js";
import { number } from "./format.js";
import { html } from "./preact.js";

const HEIGHT = 300;

/** The powers of ten between two numbers, at most six of them. */
function powers(low, high) {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const step = Math.max(1, Math.ceil((last - first) / 6));
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, at) => Number(`1e${first + at * step}`));
}

/** `counts` of values between `edges`, and the `density` at `points`, where it has one. */
export function Histogram({ counts, edges, density, log, label, onDrawn }) {
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  const bars = counts.map((count, at) => ({
    x1: edges[at],
    x2: edges[at + 1],
    y: count / total / (edges[at + 1] - edges[at]),
  }));
  const drawn = log ? bars.filter(({ y }) => y > 0) : bars;
  const top = Math.max(...drawn.map(({ y }) => y), ...(density ?? []).map(({ y }) => y));
  const floor = log ? Math.min(...drawn.map(({ y }) => y)) / 2 : 0;
  const curve = (density ?? []).filter(({ y }) => y > floor || !log);
  return html`<${Chart} height=${HEIGHT} label=${label} inputs=${[counts, edges, density, log]} onDrawn=${onDrawn}
    options=${(Plot) => ({
      marginLeft: 52,
      marginRight: 12,
      marginBottom: 36,
      x: { label: "value", labelAnchor: "center", labelArrow: "none", ticks: 7, tickFormat: number },
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
        Plot.rectY(drawn, { x1: "x1", x2: "x2", y1: floor, y2: "y", fill: "var(--bars)", insetLeft: 0.5, insetRight: 0.5 }),
        Plot.ruleY([floor], { stroke: "var(--line-strong)" }),
        Plot.line(curve, { x: "x", y: "y", stroke: "var(--curve)", strokeWidth: 2 }),
      ],
    })} />`;
}
