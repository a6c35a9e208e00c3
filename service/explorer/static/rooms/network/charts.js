// Charts of reports: signals through depth, shares of units, and losses of steps, as options of Observable Plot.
import { number } from "../../components/format.js";
import { html } from "../../components/preact.js";

const COLOURS = 8;
const SHAPES = ["circle", "square", "triangle", "diamond2"];
const OUTLINES = ["", "M2 2h8v8H2z", "M6 1l5.2 9.5H.8z", "M6 .5 11.5 6 6 11.5.5 6z"];
const LEFT = 50; // pixels for the numbers of the vertical axis
const MAX_DOTS = 40; // layers of which each gets a dot

/** The colour of a variant, as a style of the page. */
const colourOf = (index) => `var(--series-${(index % COLOURS) + 1})`;

/** The mark of a variant, in the legend as on its line. */
export function Mark({ index }) {
  const shape = OUTLINES[index % OUTLINES.length];
  return html`<svg class="mark" viewBox="0 0 12 12" aria-hidden="true">
    ${shape ? html`<path d=${shape} fill=${colourOf(index)} />` : html`<circle cx="6" cy="6" r="4.6" fill=${colourOf(index)} />`}
  </svg>`;
}

/** A number of a report: JSON has words for what is not finite. */
export const numberOf = (value) => (value === null || value === undefined ? null : Number(value));

/** A quantity of every layer on a logarithmic axis, with a row for 0 and one for what is not finite. */
export function depthChart(reports, member) {
  const series = reports.map(({ layers }) => ({ strong: layers.map((layer, x) => ({ x, y: numberOf(layer[member]), name: layer.name })) }));
  return throughDepth(reports, series, decades(values(series, "strong")), "log");
}

/** A share of units or elements of every layer, between 0 and 1. */
export function shareChart(reports, member) {
  const series = reports.map(({ layers }) => ({ strong: layers.map((layer, x) => ({ x, y: numberOf(layer[member]), name: layer.name })) }));
  const scale = { domain: [0, 1], ticks: [0, 0.5, 1], format: (share) => `${Math.round(share * 100)} %`, row: (share) => share };
  return throughDepth(reports, series, scale, "linear");
}

/** The losses before the first step and after each, faint as they were and strong as smoothed, by the expected one. */
export function lossChart(reports) {
  const at = (losses, first) => losses.map((loss, index) => ({ x: index + first, y: numberOf(loss), name: `step ${index + first}` }));
  const series = reports.map(({ loss, steps, smoothed }) => ({ faint: at([loss, ...steps], 0), strong: at(smoothed, 1) }));
  const expected = reports.find((report) => report.expected_loss)?.expected_loss;
  const rule = expected && { y: Number(expected.value), text: `expected: ${number(Number(expected.value))}` };
  const known = [...values(series, "faint"), rule?.y].filter(Number.isFinite);
  const wide = Math.min(...known) > 0 && Math.max(...known) > 50 * Math.min(...known);
  const scale = wide ? decades(known) : linear(known);
  const steps = Math.max(1, ...reports.map((report) => report.steps.length));
  return (Plot, width) => ({
    ...frame(scale, wide ? "log" : "linear"),
    x: { domain: [0, steps], ticks: whole(steps, width), tickFormat: String, label: "step", labelAnchor: "center", labelArrow: "none" },
    marks: [
      rule && Plot.ruleY([rule.y], { stroke: "var(--soft)", strokeDasharray: "5 4" }),
      rule && Plot.text([rule], { y: "y", text: "text", frameAnchor: "left", dx: 4, dy: -8, textAnchor: "start", fill: "var(--ink)", stroke: "var(--card)", strokeWidth: 4 }),
      ...marks(Plot, reports, series, scale, false),
    ].filter(Boolean),
  });
}

function throughDepth(reports, series, scale, type) {
  const names = reports.map(({ layers }) => layers.map(({ name }) => name)).sort((a, b) => b.length - a.length)[0] ?? [];
  return (Plot, width) => ({
    ...frame(scale, type),
    x: { domain: [-0.3, names.length - 0.7], ticks: spaced(names, width), tickFormat: (x) => names[x] ?? "", label: null },
    marks: marks(Plot, reports, series, scale, names.length <= MAX_DOTS),
  });
}

function frame({ domain, ticks, format }, type) {
  return {
    marginLeft: LEFT,
    marginRight: 12,
    marginTop: 14,
    marginBottom: 36,
    y: { type, domain, ticks, tickFormat: format, label: null, grid: true, tickSize: 0 },
    symbol: { type: "identity" },
  };
}

function marks(Plot, reports, series, scale, dotted) {
  const rows = (part) =>
    series.flatMap((parts, index) =>
      (parts[part] ?? []).flatMap((point) => {
        const y = scale.row(point.y);
        if (y === null) return [];
        const words = `${reports[index].label ?? "The network"}\n${point.name}: ${number(point.y)}`;
        return [{ ...point, y, words, index, colour: colourOf(index), shape: SHAPES[index % SHAPES.length] }];
      }),
    );
  const [faint, strong] = [rows("faint"), rows("strong")];
  const line = { x: "x", y: "y", z: "index", stroke: "colour" };
  return [
    Plot.line(faint, { ...line, strokeWidth: 1, strokeOpacity: 0.5 }),
    Plot.line(strong, { ...line, strokeWidth: 2 }),
    dotted && Plot.dot(strong, { x: "x", y: "y", fill: "colour", symbol: "shape", r: 3.2 }),
    Plot.tip(strong, Plot.pointer({ x: "x", y: "y", title: "words", fill: "var(--card)", stroke: "var(--line-strong)" })),
  ].filter(Boolean);
}

const values = (series, part) => series.flatMap((parts) => parts[part].map(({ y }) => y));

function spaced(names, width) {
  const room = Math.max(...names.map(({ length }) => length), 1) * 6.6 + 14; // pixels of a name
  const kinds = names.map((name) => name.slice(name.lastIndexOf(".")));
  const period = Math.max(1, kinds.indexOf(kinds[0], 1)); // so that it is always the first layer of a block that is named
  const least = Math.max(1, Math.ceil((names.length * room) / (width - LEFT - 12)));
  const every = least === 1 ? 1 : Math.ceil(least / period) * period;
  return names.map((_, index) => index).filter((index) => index % every === 0);
}

function whole(steps, width) {
  const every = [1, 2, 5, 10, 20, 50, 100].find((step) => steps / step <= Math.max(2, width / 50));
  return Array.from({ length: Math.floor(steps / every) + 1 }, (_, index) => index * every);
}

/** A logarithmic scale of whole decades; 0 has the row below them, and what is not finite the row above. */
export function decades(all) {
  const known = all.filter((value) => value !== null);
  const powers = known.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
  let low = powers.length ? Math.floor(Math.min(...powers)) : -1;
  let high = powers.length ? Math.ceil(Math.max(...powers)) : 0;
  if (low === high) [low, high] = [low - 1, high + 1];
  const every = Math.max(1, Math.ceil((high - low) / 6));
  const ticks = [];
  for (let exponent = high; exponent >= low; exponent -= every) ticks.push(10 ** exponent);
  const zero = known.some((value) => value === 0) ? 10 ** (low - every) : null;
  const beyond = known.some((value) => !Number.isFinite(value)) ? 10 ** (high + every) : null;
  if (zero !== null) ticks.push(zero);
  if (beyond !== null) ticks.push(beyond);
  return {
    domain: [zero ?? 10 ** low, beyond ?? 10 ** high],
    ticks,
    format: (value) => (value === zero ? "0" : value === beyond ? "∞" : decade(value)),
    row: (value) => (value === null ? null : !Number.isFinite(value) ? beyond : value > 0 ? value : zero),
  };
}

function linear(known) {
  const high = Math.max(...known, 0);
  const low = Math.min(...known, 0);
  const row = (value) => (Number.isFinite(value) ? value : null);
  return { domain: [low, high > low ? high + 0.08 * (high - low) : low + 1], ticks: 5, format: number, row };
}

function decade(value) {
  const exponent = Math.round(Math.log10(value));
  if (exponent >= -3 && exponent <= 3) return String(Number(value.toPrecision(1)));
  return `10${[...String(exponent)].map((digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]).join("")}`;
}
