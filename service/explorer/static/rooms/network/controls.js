// Controls of a preset: the variants side by side, which are the legend of the charts too, sliders, and a switch.
import { Check, Digits, Select, Text, unlisted } from "../../components/fields.js";
import { number } from "../../components/format.js";
import { html, useId, useRef, useState } from "../../components/preact.js";
import { Mark } from "./charts.js";
import { labelOf, MAX_STEPS, optimizers, textOf } from "./request.js";

const MAX_VARIANTS = 8; // that have colours of their own; a request by hand takes more
const UNFIT = new Set(["values", "parts", "weight_norm", "decay"]); // with parameters that are lists, or other tensors
const GIVEN = "as given";

export function Controls({ preset, settings, schemes, setState, error }) {
  const { depth, width } = preset.controls;
  const { faults } = settings;
  const change = (name) => (value) => setState({ [name]: String(value) });
  return html`<form class="card controls" aria-label="Settings of the network" onSubmit=${(event) => event.preventDefault()}>
    <${Variants} variants=${settings.variants} schemes=${schemes} error=${error}
      change=${(variants) => setState({ variants: textOf(variants) })} />
    <${Slider} label="Depth" error=${faults.depth} value=${settings.depth} low=${depth[0]} high=${depth[1]} onValue=${change("depth")} />
    <${Slider} label="Width" error=${faults.width} value=${settings.width} low=${width[0]} high=${width[1]}
      step=${width[0]} onValue=${change("width")} />
    <${Slider} label="Gain" hint="Multiplies the deviation of every init." value=${settings.gain} low=${0.1} high=${10}
      error=${faults.gain} logarithmic onValue=${change("gain")} />
    <${Slider} label="Learning rate" error=${faults.lr} value=${settings.lr} low=${0.0001} high=${1} logarithmic onValue=${change("lr")} />
    <div class="pair even">
      <${Digits} label="Steps" value=${settings.steps} max=${MAX_STEPS} error=${faults.steps} onValue=${change("steps")} />
      <${Digits} label="Seed" value=${settings.seed} error=${faults.seed ?? error?.at?.("/seed")} onValue=${change("seed")} />
    </div>
    ${preset.normalisable && html`<${Check} label="Batch normalisation" checked=${settings.norm}
      onValue=${(on) => setState({ norm: on ? "1" : undefined })} />`}
    ${["norm", "preset"].map((name) => faults[name] && html`<p class="notice" role="alert">${faults[name]}</p>`)}
  </form>`;
}

/** The variants of a request by hand, whose labels the reports have. */
export function Legend({ reports }) {
  return html`<div class="card controls"><fieldset class="variants"><legend>Side by side</legend><ul>
    ${reports.map(({ label }, index) => html`<li><${Mark} index=${index} /><span>${label ?? "The network"}</span></li>`)}
  </ul></fieldset></div>`;
}

function Slider({ label, hint, error, value, low, high, step = 1, logarithmic, onValue }) {
  const id = useId();
  const place = logarithmic ? Math.log10 : (plain) => plain;
  const read = logarithmic ? (at) => Number((10 ** at).toPrecision(2)) : (at) => at;
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return html`<div class=${error ? "slider bad" : "slider"}>
    <label for=${id}>${label}</label><output for=${id}>${number(value)}</output>
    <input id=${id} type="range" min=${place(low)} max=${place(high)} step=${logarithmic ? 0.05 : step}
      value=${place(Math.min(high, Math.max(low, value)))} aria-valuetext=${number(value)}
      aria-describedby=${described || undefined} aria-invalid=${error ? "true" : undefined}
      onInput=${(event) => onValue(read(Number(event.target.value)))} />
    ${error && html`<p id=${`${id}-error`} class="error">${error}</p>`}
    ${hint && html`<p id=${`${id}-hint`} class="hint">${hint}</p>`}
  </div>`;
}

function Variants({ variants, schemes, change, error }) {
  const list = useRef(null);
  const remove = (text) => {
    list.current.focus(); // which the button has, and takes with it
    change(variants.filter((other) => other !== text));
  };
  return html`<fieldset class="variants">
    <legend>Side by side</legend>
    <ul ref=${list} tabindex="-1" aria-label="Inits and optimizers side by side">${variants.map((text, index) => {
      const label = labelOf(text);
      const fault = unlisted(error?.at?.(`/compare/${index}`));
      return html`<li key=${text}>
        <${Mark} index=${index} /><span>${label}</span>
        <button type="button" class="plain" disabled=${variants.length === 1} aria-label=${`Remove ${label}`}
          onClick=${() => remove(text)}>×</button>
        ${fault && html`<p class="error">${fault}</p>`}
      </li>`;
    })}</ul>
    ${variants.length < MAX_VARIANTS
      ? html`<${Adder} schemes=${schemes} add=${(text) => variants.includes(text) || change([...variants, text])} />`
      : html`<p class="hint">These are eight, as many as there are colours.</p>`}
  </fieldset>`;
}

function Adder({ schemes, add }) {
  const [kind, setKind] = useState("orthogonal");
  const [words, setWords] = useState("");
  const scheme = schemes.find((known) => known.kind === kind);
  const needed = (scheme?.parameters ?? []).filter(({ name, required }) => required && !words.includes(`${name}=`));
  const groups = [
    { label: "Inits", options: schemes.map((known) => known.kind).filter((name) => !UNFIT.has(name)) },
    { label: "Optimizers", options: optimizers },
    { label: "No change", options: [GIVEN] },
  ];
  const submit = () => {
    if (needed.length) return;
    const parameters = words.trim().split(/[\s,]+/).filter(Boolean).join(",");
    add(kind === GIVEN ? "given" : kind + (parameters && `:${parameters}`));
  };
  return html`<div class="adder">
    <${Select} label="Add an init or optimizer" value=${kind} options=${groups} onValue=${(name) => (setKind(name), setWords(""))} />
    ${kind !== GIVEN && html`<${Text} label="Its parameters" value=${words} onValue=${setWords}
      placeholder=${scheme ? exampleOf(scheme) : "momentum=0.9"}
      hint=${needed.length ? `It needs ${needed.map(({ name }) => name).join(" and ")}.` : undefined} />`}
    <button type="button" disabled=${needed.length > 0} onClick=${submit}>Add</button>
  </div>`;
}

function exampleOf({ parameters }) {
  return parameters.slice(0, 2).map(({ name, default: value }) => `${name}=${value ?? "…"}`).join(" ") || "none";
}
