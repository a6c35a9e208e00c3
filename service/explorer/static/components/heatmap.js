// A heat map of a matrix on a canvas, with its scale.
import { number } from "./format.js";
import { html, useEffect, useRef, useState } from "./preact.js";

/** A matrix of numbers, a list for each row, coloured from −`bound` to `bound`; others are blank. `words` stand below. */
export function HeatMap({ values, bound, label, words }) {
  const canvas = useRef(null);
  const theme = useTheme();
  const [rows, columns] = [values.length, values[0]?.length ?? 0];
  useEffect(() => {
    if (!rows || !columns) return;
    const context = canvas.current.getContext("2d");
    const image = context.createImageData(columns, rows);
    const [low, zero, high] = ["--heat-low", "--heat-zero", "--heat-high"].map(colour);
    values.flat().forEach((value, at) => {
      const share = Math.max(-1, Math.min(1, value / (bound || 1)));
      const end = share < 0 ? low : high;
      for (let part = 0; part < 3; part++)
        image.data[4 * at + part] = zero[part] + (end[part] - zero[part]) * Math.abs(share);
      image.data[4 * at + 3] = Number.isFinite(share) ? 255 : 0;
    });
    context.putImageData(image, 0, 0);
  }, [values, bound, theme]);
  return html`<div class="heat">
    <div class="cells"><canvas ref=${canvas} role="img" aria-label=${label} width=${columns} height=${rows}
      style=${{ aspectRatio: `${Math.max(columns, 1)} / ${Math.max(rows, 1)}` }}></canvas></div>
    <div class="scale" aria-hidden="true"><span>${number(-bound)}</span><i></i><span>${number(bound)}</span></div>
    <p class="key-line">${words}</p>
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
