// The room of networks: what an init does to a network before it learns, and while it does.
import { call, catalog, useAnswer } from "../api.js";
import { Forms } from "../components/forms.js";
import { sentence } from "../components/format.js";
import { html, useEffect, useMemo, useState } from "../components/preact.js";
import { address, go } from "../state.js";
import { Controls, Legend } from "./network/controls.js";
import { Editor } from "./network/editor.js";
import { Figures, Findings } from "./network/findings.js";
import { Panels } from "./network/panels.js";
import library from "./network/presets.js";
import { pretty, requestOf, settingsOf } from "./network/request.js";

export const title = "Network";

const DELAY_MS = 150; // a slider that moves sends nothing
const FIRST = "deep-relu";

export function Room({ state, setState, announce }) {
  const preset = library.presets.find(({ id }) => id === (state.preset ?? FIRST)) ?? library.presets[0];
  const settings = settingsOf(state, preset);
  const drawn = useMemo(() => pretty(requestOf(preset, settings)), [preset, JSON.stringify(settings)]);
  const byHand = state.request !== undefined;
  const text = byHand ? state.request : drawn;
  const [schemes, setSchemes] = useState([]);
  useEffect(() => {
    catalog("/v1/schemes").then(setSchemes, () => setSchemes([]));
  }, []);
  const answer = useAnswer(
    (signal) => evaluate(text, signal),
    [text],
    DELAY_MS,
  );
  const { reports, path } = answer.data ?? {};
  useEffect(() => {
    if (answer.pending) return;
    if (reports) performance.mark("network drawn"); // the charts' own effects run before
    announce(answer.error ? sentence(`Not evaluated: ${answer.error.message}`) : spoken(reports));
  }, [answer.pending, answer.data, answer.error]);
  const lesson = library.lessons.find(({ state: wanted }) => same(wanted, state));
  return html`
    <div class="hero">
      <h1>What an init does to a network</h1>
      <p>Weights are drawn, the network runs forward and backward and learns for some steps, once for each init. Compare the
        signal, its gradient and the loss.</p>
    </div>
    <${Links} label="Networks" items=${library.presets} stateOf=${({ id }) => ({ preset: id })}
      isCurrent=${({ id }) => !byHand && !lesson && id === preset.id} />
    <${Links} label="Lessons" items=${library.lessons} stateOf=${({ state: wanted }) => wanted}
      isCurrent=${({ id }) => id === lesson?.id} />
    <p class="lesson">${byHand ? "A network of your own: the request below is all that counts." : (lesson ?? preset).text}</p>
    <div class="split">
      ${byHand
        ? html`<${Legend} reports=${reports ?? []} />`
        : html`<${Controls} preset=${preset} settings=${settings} schemes=${schemes} setState=${setState} error=${answer.error} />`}
      <div class="results" aria-busy=${answer.pending ? "true" : "false"}>
        ${answer.error && html`<p class="notice" role="alert">${faultOf(answer.error)}</p>`}
        ${reports
          ? html`<${Panels} reports=${reports} stale=${Boolean(answer.error)} />
              <${Report} path=${answer.error ? undefined : path} />
              <${Figures} reports=${reports} /><${Findings} reports=${reports} />`
          : !answer.error && html`<div class="panels waiting"><p class="card hint">The first evaluation takes some seconds …</p></div>`}
      </div>
    </div>
    <${Editor} text=${text} byHand=${byHand} error=${answer.error} edit=${(request) => setState({ request })}
      reset=${() => setState({ request: undefined })} />`;
}

/** The reports of an evaluation, and the path that answers them again; none where it would be too long for a URL. */
async function evaluate(text, signal) {
  const answer = await call("/v1/evaluations", { text, signal });
  const token = answer.headers.get("Content-Location")?.split("/").at(-1);
  const report = await answer.json();
  return { reports: report.reports ?? [report], path: token ? `v1/evaluations/${token}` : null };
}

function Report({ path }) {
  if (path === null) return html`<p class="hint">This evaluation is too long for a URL of its own.</p>`;
  return html`<${Forms} label="This evaluation by URL" path=${path} name="the evaluation" file="evaluation" />`;
}

function Links({ label, items, stateOf, isCurrent, quiet }) {
  return html`<nav class=${quiet ? "choices quiet" : "choices"} aria-label=${label}>
    <span class="name" aria-hidden="true">${label}</span>
    <div>${items.map((item) => {
      const state = stateOf(item);
      return html`<a href=${address("network", state)}
        aria-current=${isCurrent(item) ? "true" : undefined} onClick=${(event) => stay(event, state)}>${item.title}</a>`;
    })}</div>
  </nav>`;
}

// The page neither scrolls nor moves the focus, since the room stays.
function stay(event, state) {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go("network", state);
}

function same(wanted, state) {
  const names = new Set([...Object.keys(wanted), ...Object.keys(state)]);
  return [...names].every((name) => (wanted[name] ?? "") === (state[name] ?? ""));
}

/** What a visitor needs to know first: the whole is beside its field, or beside the request. */
function faultOf({ errors = [], message }) {
  if (!errors.length) return sentence(`Not evaluated: ${message}`);
  return errors.length === 1 ? "Not evaluated: the request has a fault." : `Not evaluated: the request has ${errors.length} faults.`;
}

function spoken(reports) {
  const count = reports.reduce((sum, { warnings }) => sum + warnings.length, 0);
  return `Evaluated ${reports.length} ${reports.length === 1 ? "variant" : "variants"}: ${count} ${
    count === 1 ? "warning" : "warnings"}.`;
}
