// A heat map of a matrix on a canvas, with its scale.
import { number } from "./format.js";
import { html, useEffect, useRef, useState } from "./preact.js";

const CELL = 6; // device-independent pixels of a value at least; the canvas is scaled without smoothing

/** `rows` × `columns` values, by rows, coloured from −`bound` to `bound`. */
export function HeatMap({ values, rows, columns, bound, label }) {
  const canvas = useRef(null);
  const theme = useTheme();
  useEffect(() => {
    const element = canvas.current;
    element.width = columns;
    element.height = rows;
    const context = element.getContext("2d");
    const image = context.createImageData(columns, rows);
    const [low, zero, high] = ["--heat-low", "--heat-zero", "--heat-high"].map(colour);
    for (let at = 0; at < rows * columns; at++) {
      const share = Math.max(-1, Math.min(1, (values[at] || 0) / (bound || 1)));
      const end = share < 0 ? low : high;
      for (let part = 0; part < 3; part++)
        image.data[4 * at + part] = zero[part] + (end[part] - zero[part]) * Math.abs(share);
      image.data[4 * at + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [values, rows, columns, bound, theme]);
  return html`<div class="heat">
    <canvas ref=${canvas} role="img" aria-label=${label} width=${columns} height=${rows}
      style=${{ aspectRatio: `${Math.max(columns, 1)} / ${Math.max(rows, 1)}`, minHeight: `${Math.min(rows * CELL, 24)}px` }}></canvas>
    <div class="scale" aria-hidden="true"><span>${number(-bound)}</span><i></i><span>${number(bound)}</span></div>
  </div>`;
}

function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

/** A number that changes with the theme. */
export function useTheme() {
  const [turns, setTurns] = useState(0);
  useEffect(() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const turn = () => setTurns((last) => last + 1);
    addEventListener("theme", turn);
    system.addEventListener("change", turn);
    return () => {
      removeEventListener("theme", turn);
      system.removeEventListener("change", turn);
    };
  }, []);
  return turns;
}
