// The room of one tensor: its parameters, the lines that get it, its digest, and what it looks like.
import { bytes, catalog, json, useAnswer } from "../api.js";
import { Check, Choice, Prose, Select, Text } from "../components/fields.js";
import { count, number, size } from "../components/format.js";
import { HeatMap } from "../components/heatmap.js";
import { Histogram } from "../components/histogram.js";
import { Copy, Tabs } from "../components/lines.js";
import { html, useMemo, useRef, useState } from "../components/preact.js";
import { density } from "./tensor/density.js";
import { DEFAULTS, DTYPES, GENERATORS, isListed, linesOf, pathOf, queryOf, STARTS, VIEW } from "./tensor/query.js";
import { corner, histogram, moments, parse, sliceOf } from "./tensor/values.js";

export const title = "Tensor";

const MAX_VALUES = 1 << 20; // of a tensor that is fetched whole
const MAX_DIGESTED = 1 << 26; // bytes of a file whose digest is computed without being asked for
const SETTLE_MS = 40; // from a key to the request
const FIELDS = ["init", "shape", "dtype", "seed", "generator"];

export function Room({ state, setState }) {
  const schemes = useAnswer(() => catalog("v1/schemes"), []);
  const query = queryOf(state);
  const text = pathOf(query);
  const began = useRef(0);
  const answer = useAnswer(
    (signal) => {
      began.current = performance.now();
      return look(query, signal);
    },
    [text],
    SETTLE_MS,
  );
  const measure = () => {
    if (began.current) performance.measure("tensor", { start: began.current, end: performance.now() });
    began.current = 0;
  };
  const scheme = schemes.data?.find(({ kind, aliases }) => kind === query.init || aliases.includes(query.init));
  const parameters = scheme?.parameters.filter(({ type }) => !/list/.test(type)) ?? [];
  return html`
    <section class="hero">
      <h1>Initialised weights, by URL.</h1>
      <p>A shape, a scheme and a seed are the whole recipe. The same URL gives the same bytes on every machine:
        a safetensors file, computed while it is read.</p>
    </section>
    <div class="split">
      <${Controls} state=${state} setState=${setState} schemes=${schemes} scheme=${scheme} parameters=${parameters}
        error=${answer.error} />
      <div class="results" aria-busy=${answer.pending}>
        <section class="card" aria-label="Get it">
          <${Tabs} label="Language" tabs=${linesOf(query)} chosen=${state.as ?? "URL"}
            onChoose=${(name) => setState({ as: name === "URL" ? undefined : name })} />
          <${Digest} found=${answer.data} failed=${Boolean(answer.error)} />
        </section>
        <${Pictures} found=${answer.data} failed=${Boolean(answer.error)} state=${state} setState=${setState}
          onDrawn=${measure} />
      </div>
    </div>`;
}

/** The plan of a query, and its file; of a large tensor, that of a slice. */
async function look(query, signal) {
  const small = sizeOf(query.shape) <= MAX_VALUES;
  const [plan, early] = await Promise.all([
    json("v1/weights/plan", { form: query, signal }),
    small ? bytes(pathOf(query), { signal }).catch(() => null) : null, // the plan says what is wrong
  ]);
  const [tensor] = plan.tensors;
  const total = tensor.shape.reduce((product, length) => product * length, 1);
  const whole = early !== null;
  const slice = encodeURIComponent(sliceOf(tensor.shape));
  const file = early ?? (await bytes(`v1/weights/${plan.token}/tensors/weight?slice=${slice}`, { signal }));
  return { plan, tensor, total, whole, file, ...parse(file) };
}

/** The number of values of a shape as it is typed; ∞ for what is no list of numbers. */
const sizeOf = (shape) => {
  const lengths = shape.split(",").filter((text) => text.trim()).map(Number);
  return lengths.every((length) => length >= 0) ? lengths.reduce((product, length) => product * length, 1) : Infinity;
};

async function sha256(file) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function Controls({ state, setState, schemes, scheme, parameters, error }) {
  const at = (name) => error?.at?.(name);
  const names = [...FIELDS, ...parameters.map(({ name }) => name)];
  const others = error ? (error.beside?.(names) ?? [error.message]) : [];
  const kinds = schemes.data?.filter(isListed).map(({ kind }) => kind) ?? [state.init ?? DEFAULTS.init];
  const choose = (kind) => {
    const own = schemes.data.find((each) => each.kind === kind).parameters.map(({ name }) => name);
    const dropped = Object.keys(state).filter((name) => ![...FIELDS, ...VIEW, ...own].includes(name));
    setState({ ...Object.fromEntries(dropped.map((name) => [name, undefined])), ...STARTS[kind], init: kind });
  };
  return html`<form class="controls" aria-label="The tensor" onSubmit=${(event) => event.preventDefault()}>
    <${Select} label="Scheme" value=${scheme?.kind ?? state.init ?? DEFAULTS.init} options=${kinds} error=${at("init")}
      onValue=${choose} />
    <div class="about">${scheme && html`<p><${Prose} text=${scheme.summary} /></p>${scheme.formula && html`<p class="formula">${scheme.formula}</p>`}`}</div>
    <${Text} label="Shape" value=${state.shape ?? DEFAULTS.shape} error=${at("shape")}
      onValue=${(text) => setState({ shape: text })} />
    <div class="pair">
      <${Text} label="Seed" inputmode="numeric" value=${state.seed ?? DEFAULTS.seed} error=${at("seed")}
        onValue=${(text) => setState({ seed: text })} />
      <button type="button" class="plain" onClick=${() => setState({ seed: String(Math.floor(Math.random() * 2 ** 32)) })}>Another</button>
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

function Digest({ found, failed }) {
  const { plan, whole, file } = found ?? {};
  const [wanted, setWanted] = useState(null);
  const { data = {}, pending } = useAnswer(async (signal) => {
    if (!plan || (plan.size > MAX_DIGESTED && wanted !== plan.token)) return {};
    const [{ digest }, own] = await Promise.all([
      json(`v1/weights/${plan.token}/digest`, { signal }),
      whole && globalThis.crypto?.subtle ? sha256(file) : null,
    ]);
    return { digest, own };
  }, [found, wanted]);
  const { digest, own } = data;
  const large = plan && plan.size > MAX_DIGESTED;
  const equal = digest && own && digest === own;
  const word = failed
    ? "no file: see the field at fault"
    : !found
      ? ""
      : digest
        ? own
          ? equal
            ? "computed by the service and again in this browser: equal"
            : "this browser computed another digest: the file was changed on its way"
          : "computed by the service"
        : large
          ? wanted === plan.token && pending
            ? `the service computes ${size(plan.size)}`
            : `of ${size(plan.size)}, which the service has to compute`
          : "";
  return html`<div class="digest">
    <span class="name">SHA-256</span>
    <code>${failed ? "–" : (digest ?? "–")}</code>
    ${digest && !failed && html`<${Copy} text=${digest} name="the SHA-256" />`}
    ${large && !digest && !failed && html`<button type="button" class="copy" disabled=${wanted === plan.token && pending}
      onClick=${() => setWanted(plan.token)}>Compute</button>`}
    <p class=${digest && own && !equal ? "error" : "hint"} role="status">${equal && !failed ? html`<span class="tick" aria-hidden="true">✓</span> ` : ""}${word}</p>
  </div>`;
}

function Pictures({ found, failed, state, setState, onDrawn }) {
  const drawn = useMemo(() => found && summary(found), [found]);
  const log = state.y === "log";
  const part = !found || found.whole ? "" : `first ${count(found.values.length)} of ${count(found.total)}`;
  return html`<div class=${failed ? "pictures stale" : "pictures"}>
    <section class="card" aria-labelledby="histogram-title">
      <div class="head"><h2 id="histogram-title">Values${part && html` <span class="hint">${part}</span>`}</h2>
        <${Choice} label="Scale" value=${log ? "log" : "linear"} options=${[["linear", "Linear"], ["log", "Log"]]}
          onValue=${(scale) => setState({ y: scale === "log" ? "log" : undefined })} /></div>
      ${drawn
        ? html`<${Histogram} ...${drawn.histogram} density=${drawn.density} log=${log} onDrawn=${onDrawn}
            label=${`Histogram of ${count(found.values.length)} values, mean ${number(drawn.moments.mean)}, standard deviation ${number(drawn.moments.std)}`} />
          <p class="key-line"><i></i>values <i class="curve"></i>${drawn.density ? "exact density" : "no density: the values follow no formula"}</p>`
        : html`<div class="chart waiting" style=${{ height: "300px" }}></div><p class="key-line"> </p>`}
    </section>
    <section class="card" aria-labelledby="corner-title">
      <div class="head"><h2 id="corner-title">${drawn ? `First ${drawn.corner.rows} × ${drawn.corner.columns}` : "Corner"}</h2></div>
      ${drawn ? html`<${HeatMap} ...${drawn.corner} label=${`Heat map of the first ${drawn.corner.rows} rows and ${drawn.corner.columns} columns`} />`
        : html`<div class="heat waiting"></div>`}
    </section>
    <${Facts} found=${found} drawn=${drawn} />
  </div>`;
}

function summary({ values, shape, tensor }) {
  const bins = histogram(values);
  return {
    histogram: bins,
    density: density(tensor, bins.edges[0], bins.edges.at(-1)),
    moments: moments(values),
    corner: corner(values, shape),
  };
}

function Facts({ found, drawn }) {
  const { plan, tensor } = found ?? {};
  const row = (name, exact, sample) => html`<tr><th scope="row">${name}</th><td>${exact}</td><td>${sample}</td></tr>`;
  return html`<section class="card facts" aria-label="Facts">
    <table><thead><tr><th scope="col">${"\u00a0"}</th><th scope="col">exact</th><th scope="col">drawn</th></tr></thead><tbody>
      ${row("Mean", number(tensor?.mean), number(drawn?.moments.mean))}
      ${row("Std", number(tensor?.std), number(drawn?.moments.std))}
      ${row("Smallest", "", number(drawn?.moments.low))}
      ${row("Largest", "", number(drawn?.moments.high))}
    </tbody></table>
    <dl>
      <div><dt>Values</dt><dd>${found ? count(found.total) : "–"}</dd></div>
      <div><dt>File</dt><dd>${plan ? size(plan.size) : "–"}</dd></div>
      <div><dt>Fan in</dt><dd>${tensor?.fans ? count(tensor.fans.in) : "–"}</dd></div>
      <div><dt>Fan out</dt><dd>${tensor?.fans ? count(tensor.fans.out) : "–"}</dd></div>
    </dl>
    ${plan?.warnings.map(({ detail }) => html`<p class="notice">${detail}</p>`)}
  </section>`;
}
