// The room of one tensor: its parameters, the lines that get it, its digest, and what it looks like.
import { catalog, json, keyState, url, useAnswer } from "../api.js";
import { loadPlot } from "../components/chart.js";
import { Check, Choice, Prose, Select, Text } from "../components/fields.js";
import { Forms } from "../components/forms.js";
import { count, number, share, size } from "../components/format.js";
import { HeatMap } from "../components/heatmap.js";
import { HEIGHT, Histogram } from "../components/histogram.js";
import { Tabs } from "../components/lines.js";
import { html, useEffect } from "../components/preact.js";
import { address } from "../state.js";
import { Digest } from "./tensor/digest.js";
import { DEFAULTS, DTYPES, GENERATORS, isListed, linesOf, pathOf, queryOf, STARTS, VIEW } from "./tensor/query.js";

export const title = "Tensor";

loadPlot(); // while the first requests are under way

const BINS = 80;
const SETTLE_MS = 40; // from a key to the request
const FIELDS = ["init", "shape", "dtype", "seed", "generator"];

export function Room({ state, setState }) {
  const schemes = useAnswer(() => catalog("v1/schemes"), []);
  const query = queryOf(state);
  const text = pathOf(query);
  const answer = useAnswer(
    (signal) => look(query, state.map === "whole" ? "whole" : "corner", signal),
    [text, state.map],
    SETTLE_MS,
  );
  const scheme = schemes.data?.find(({ kind, aliases }) => kind === query.init || aliases.includes(query.init));
  const parameters = scheme?.parameters.filter(({ type }) => !/list/.test(type)) ?? [];
  const names = [...FIELDS, ...parameters.map(({ name }) => name)];
  const failed = answer.error && (names.some((name) => answer.error.at?.(name)) ? "see the field at fault" : "see the notice of the fault");
  return html`
    <section class="hero">
      <h1>Initialised weights, by URL</h1>
      <p>A shape, a scheme and a seed are the whole recipe. The same URL gives the same bytes on every machine:
        a safetensors file, computed while it is read. See too what${" "}
        <a href=${address("network")} data-room="network">an init does to a network</a>, and${" "}
        <a href=${address("checkpoints")} data-room="checkpoints">whole checkpoints</a> for Hugging Face clients.</p>
    </section>
    ${!schemes.data && !schemes.error ? html`<p class="waiting hint">Reading the schemes …</p>` : html`<div class="split">
      <${Controls} state=${state} setState=${setState} schemes=${schemes} scheme=${scheme} parameters=${parameters}
        names=${names} error=${answer.error} />
      <div class="results" aria-busy=${answer.pending}>
        <section class="card" aria-label="Get it">
          <${Tabs} label="Language" tabs=${linesOf(query)} chosen=${state.as ?? "URL"}
            onChoose=${(name) => setState({ as: name === "URL" ? undefined : name })}
            beside=${!keyState().given && html`<a class="copy" href=${answer.data && !answer.error ? url(text).href : undefined}>Download</a>`} />
          <${Digest} found=${answer.data} query=${query} failed=${failed} />
        </section>
        <${Pictures} found=${answer.data} failed=${failed} state=${state} setState=${setState}
          onDrawn=${() => performance.mark("tensor drawn")} />
      </div>
    </div>`}`;
}

/** The plan of a query, the histogram of its values, and a heat map of some. */
async function look(query, map, signal) {
  const plan = await json("v1/weights/plan", { form: query, signal });
  const [tensor] = plan.tensors;
  const total = tensor.shape.reduce((product, length) => product * length, 1);
  const path = `v1/weights/${plan.token}/tensors/${tensor.name}`;
  const paths = { histogram: `${path}/histogram?bins=${BINS}`, heatmap: `${path}/heatmap?view=${map}` };
  const [histogram, heatmap] = await Promise.all([json(paths.histogram, { signal }), json(paths.heatmap, { signal })]);
  return { plan, tensor, total, histogram, heatmap, paths };
}

function Controls({ state, setState, schemes, scheme, parameters, names, error }) {
  useEffect(() => void performance.mark("interactive"), []);
  const at = (name) => error?.at?.(name);
  const others = error ? (error.beside?.(names) ?? [error.message]) : [];
  const chosen = scheme?.kind ?? state.init ?? DEFAULTS.init;
  const listed = schemes.data?.filter(isListed).map(({ kind }) => kind) ?? [];
  const kinds = listed.includes(chosen) ? listed : [chosen, ...listed];
  const choose = (kind) => {
    const own = schemes.data.find((each) => each.kind === kind).parameters.map(({ name }) => name);
    const dropped = Object.keys(state).filter((name) => ![...FIELDS, ...VIEW, ...own].includes(name));
    setState({ ...Object.fromEntries(dropped.map((name) => [name, undefined])), ...STARTS[kind], init: kind });
  };
  return html`<form class="controls" aria-label="The tensor" onSubmit=${(event) => event.preventDefault()}>
    <${Select} label="Scheme" value=${chosen} options=${kinds} error=${at("init")}
      onValue=${choose} />
    <div class="about">${scheme && html`<p><${Prose} text=${scheme.summary} /></p>${scheme.formula && html`<p class="formula">${scheme.formula.replaceAll("`", "")}</p>`}`}</div>
    <${Text} label="Shape" value=${state.shape ?? DEFAULTS.shape} error=${at("shape")} hint="Lengths of the axes: 256 outputs of 784 inputs are 256,784."
      onValue=${(text) => setState({ shape: text })} />
    <div class="pair">
      <${Text} label="Seed" inputmode="numeric" value=${state.seed ?? DEFAULTS.seed} error=${at("seed")}
        onValue=${(text) => setState({ seed: text })} />
      <button type="button" class="plain" onClick=${() => setState({ seed: String(Math.floor(Math.random() * 2 ** 32)) })}>Random</button>
    </div>
    ${parameters.map((parameter) => html`<${Parameter} key=${parameter.name} parameter=${parameter}
      value=${state[parameter.name]} error=${at(parameter.name)} onValue=${(text) => setState({ [parameter.name]: text || undefined })} />`)}
    <${Select} label="Dtype" value=${state.dtype ?? DEFAULTS.dtype} options=${DTYPES} error=${at("dtype")}
      onValue=${(dtype) => setState({ dtype: dtype === DEFAULTS.dtype ? undefined : dtype })} />
    <${Select} label="Generator" value=${state.generator ?? DEFAULTS.generator} options=${GENERATORS} error=${at("generator")}
      hint=${state.generator === "torch" ? "PyTorch’s own draws, which depend on its version and processor." : "The same bits on every machine."}
      onValue=${(name) => setState({ generator: name === DEFAULTS.generator ? undefined : name })} />
    ${others.map((detail) => html`<p class="notice" role="alert">${detail}</p>`)}
  </form>`;
}

function Parameter({ parameter, value, error, onValue }) {
  const { name, description, choices, type } = parameter;
  const start = parameter.default;
  if (type === "boolean") {
    return html`<${Check} label=${name} hint=${description} error=${error} checked=${value === undefined ? start : value === "true"}
      onValue=${(checked) => onValue(checked === start ? undefined : String(checked))} />`;
  }
  if (choices && type === "string") {
    return html`<${Select} label=${name} hint=${description} error=${error} options=${choices} value=${value ?? start}
      onValue=${(text) => onValue(text === start ? undefined : text)} />`;
  }
  return html`<${Text} label=${name} hint=${description} error=${error} value=${value} inputmode="decimal"
    placeholder=${start === undefined || start === null ? "" : String(start)} onValue=${onValue} />`;
}

function Pictures({ found, failed, state, setState, onDrawn }) {
  const { histogram, heatmap, total, paths } = found ?? {};
  const drawn = failed ? undefined : paths;
  const log = state.y === "log";
  const sample = histogram?.sample;
  const part = sample && sample.count < sample.of ? `${count(sample.count)} of ${count(sample.of)}` : "";
  const masses = histogram?.masses?.slice(0, 2).map(({ value, mass }) => `${share(mass)} are ${number(value)}`) ?? [];
  const bound = heatmap ? Math.max(Math.abs(heatmap.min ?? 0), Math.abs(heatmap.max ?? 0)) : 0;
  const [rows, columns] = heatmap ? [heatmap.rows.length, heatmap.columns.length] : [0, 0];
  return html`<div class=${failed ? "pictures stale" : "pictures"}>
    <section class="card" aria-labelledby="histogram-title">
      <div class="head"><h2 id="histogram-title">Values ${part && html`<span class="hint">${part}</span>`}</h2>
        <${Choice} label="Scale of the density" value=${log ? "log" : "linear"} options=${[["linear", "Linear"], ["log", "Log"]]}
          onValue=${(scale) => setState({ y: scale === "log" ? "log" : undefined })} /></div>
      ${histogram && sample.count > 0
        ? html`<${Histogram} counts=${histogram.counts} edges=${histogram.edges} density=${histogram.density} masses=${histogram.masses}
            total=${sample.count} log=${log} onDrawn=${onDrawn}
            label=${`Histogram of ${count(sample.count)} values, mean ${number(sample.mean)}, standard deviation ${number(sample.std)}`} />`
        : html`<${Nothing} failed=${failed} found=${found} />`}
      <p class="key-line">${histogram && sample.count > 0 && html`<i></i>drawn
        ${histogram.density?.some((y) => y > 0) ? html`<i class="curve"></i>exact density` : !masses.length && html`<span class="masses">no formula of a density is known</span>`}
        ${masses.length > 0 && html`<span class="masses">${masses.join(", ")}</span>`}`}</p>
      <${Forms} label="By URL" path=${drawn?.histogram} name="the histogram" file="histogram" />
    </section>
    <section class="card" aria-labelledby="heat-title">
      <div class="head"><h2 id="heat-title">Heat map</h2>
        <${Choice} label="Part of the heat map" value=${state.map ?? "corner"} options=${[["corner", "Corner"], ["whole", "Spread"]]}
          onValue=${(map) => setState({ map: map === "whole" ? map : undefined })} /></div>
      ${rows * columns > 0
        ? html`<${HeatMap} values=${heatmap.values} bound=${bound} words=${`${rows} × ${columns} of ${count(total)} values`}
            label=${`Heat map of ${rows} rows and ${columns} columns, from ${number(heatmap.min)} to ${number(heatmap.max)}`} />`
        : html`<div class="heat"><${Nothing} failed=${failed} found=${found} /></div>`}
      <${Forms} label="By URL" path=${drawn?.heatmap} name="the heat map" file="heatmap" />
    </section>
    <${Facts} found=${found} />
  </div>`;
}

/** The place of a picture: for one to come, or with the reason that there is none. */
function Nothing({ failed, found }) {
  const reason = failed ? `No picture: ${failed}.` : found ? "There are no values to draw." : "";
  return html`<div class=${reason ? "blank" : "blank chart"} style=${{ height: `${HEIGHT}px` }}>
    ${reason && html`<p class="hint">${reason}</p>`}</div>`;
}

function Facts({ found }) {
  const { plan, tensor, histogram, total } = found ?? {};
  const sample = histogram?.sample;
  const certain = histogram?.masses?.reduce((sum, { mass }) => sum + mass, 0) > 0.999999 ? histogram.masses.map(({ value }) => value) : [];
  const ends = histogram?.support ?? (certain.length ? [Math.min(...certain), Math.max(...certain)] : null);
  const end = (at, infinite) => number(ends ? (ends[at] ?? infinite) : null);
  const row = (name, exact, drawn) => html`<tr><th scope="row">${name}</th><td>${exact}</td><td>${drawn}</td></tr>`;
  return html`<section class="card facts" aria-label="Moments and size">
    <table><thead><tr><td></td><th scope="col">exact</th><th scope="col">drawn</th></tr></thead><tbody>
      ${row("Mean", number(histogram?.mean), number(sample?.mean))}
      ${row("Std", number(histogram?.std), number(sample?.std))}
      ${row("Smallest", end(0, -Infinity), number(sample?.min))}
      ${row("Largest", end(1, Infinity), number(sample?.max))}
    </tbody></table>
    <dl>
      <div><dt>Values</dt><dd>${found ? count(total) : "–"}</dd></div>
      <div><dt>File</dt><dd>${plan ? size(plan.size) : "–"}</dd></div>
      <div><dt>Fan in</dt><dd>${tensor?.fans ? count(tensor.fans.in) : "–"}</dd></div>
      <div><dt>Fan out</dt><dd>${tensor?.fans ? count(tensor.fans.out) : "–"}</dd></div>
    </dl>
    ${plan?.warnings.map(({ detail }) => html`<p class="notice">${detail}</p>`)}
  </section>`;
}
