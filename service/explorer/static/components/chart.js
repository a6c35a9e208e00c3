// Charts by Observable Plot, which is loaded with d3 when the first one is drawn.
import { html, useEffect, useRef, useState } from "./preact.js";

let loading;

/** Observable Plot and the parts of d3 that it draws these charts with. */
export function loadPlot() {
  loading ??= import("./plot.js");
  return loading;
}

/** A chart of a fixed height, drawn anew when `inputs` or its width change.
 *  `options(Plot, width, d3)` gives Plot's options; colours are those of the style sheet: var(--accent).
 *  `label` says in words what the chart shows. `onDrawn` is called after each drawing. */
export function Chart({ options, inputs, height, label, onDrawn }) {
  const box = useRef(null);
  const width = useWidth(box);
  const [libraries, setLibraries] = useState(null);
  useEffect(() => {
    let gone = false;
    loadPlot().then((loaded) => !gone && setLibraries(loaded));
    return () => {
      gone = true;
    };
  }, []);
  useEffect(() => {
    if (!libraries || !width) return;
    const { Plot, d3 } = libraries;
    const drawing = Plot.plot({
      width,
      height,
      style: { background: "none", color: "var(--ink)", fontFamily: "inherit", fontSize: "12px" },
      ...options(Plot, width, d3),
    });
    // The style sheet has these rules: the policy of the page allows no style element.
    for (const element of [drawing, ...drawing.querySelectorAll("svg")]) element.querySelector("style")?.remove();
    for (const part of drawing.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label"); // the whole has one
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", label);
    box.current.replaceChildren(drawing);
    onDrawn?.();
  }, [libraries, width, label, ...inputs]);
  return html`<div class="chart" ref=${box} style=${{ height: `${height}px` }}></div>`;
}

/** The width of an element in CSS pixels, 0 at first. */
export function useWidth(element) {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return width;
}
