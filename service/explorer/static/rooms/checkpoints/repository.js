// The page of a repository at a revision: what it is, how to load it, its files.
import { call, json, keyField, keyState, Problem, url, useAnswer } from "../../api.js";
import { Digits, Select } from "../../components/fields.js";
import { count, dtype as dtypeName, rounded, size } from "../../components/format.js";
import { Tabs } from "../../components/lines.js";
import { html, useState } from "../../components/preact.js";
import { address, ROOT } from "../../state.js";
import { File, isText, rawOf } from "./file.js";

const DTYPES = ["", "float32", "bfloat16", "float16", "float64"];
const OWN_DTYPE = "the recipe’s";
const REVISION = /^(?:refs\/heads\/)?(?:main|HEAD|(?=[sdq])(?:seed[-=](\d+)(?=,|$))?((?:,?\w+=[^,]+)*))$/;
const SETTLE_MS = 200;

/** A repository at a revision: its facts, and the lines of its card that load it. */
async function look(name, revision, signal) {
  const at = encodeURIComponent(revision);
  const [model, recipe, card] = await Promise.all([
    json(`api/models/${name}/revision/${at}`, { signal }),
    json(`v1/recipes/${name}`, { signal }),
    call(`${name}/resolve/${at}/README.md`, { accept: "*/*", signal }).then((answer) => answer.text()),
  ]);
  const loading = /```python\n([\s\S]*?)\n```/.exec(card)?.[1] ?? "";
  return { model, recipe, loading, revision };
}

export function Repository({ name, revision, file, setState }) {
  const answer = useAnswer((signal) => look(name, revision, signal), [name, revision], revision === "main" ? 0 : SETTLE_MS);
  const { data, error } = answer;
  const missing = error instanceof Problem && error.status === 404 && !data;
  return html`
    <nav class="crumbs" aria-label="Breadcrumb"><a href=${address("checkpoints")} data-room="checkpoints">Checkpoints</a></nav>
    <section class="hero">
      <h1 class="id">${name}</h1>
      <p>${data ? data.recipe.description || "No description." : missing ? error.message : "\u00a0"}</p>
      ${missing && html`<p>${revision !== "main" && html`<a href=${address("checkpoints", { repository: name })} data-room="checkpoints"
        data-state=${JSON.stringify({ repository: name })}>See the revision main</a> · `}<a href=${address("checkpoints")}
        data-room="checkpoints">See all recipes</a></p>`}
    </section>
    ${!data && !error && html`<p class="waiting hint">Reading the repository …</p>`}
    ${(data || error) && !missing && html`<div class=${error ? "stale" : ""} aria-busy=${answer.pending}>
      <${Figures} data=${data} />
      ${file && data && html`<${File} name=${name} revision=${data.revision} path=${file}
        size=${data.model.siblings.find(({ rfilename }) => rfilename === file)?.size} />`}
      <div class="split even">
        <div>
          <${Revision} name=${name} revision=${revision} setState=${setState} error=${error} />
          <${Load} name=${name} revision=${revision} data=${data} />
        </div>
        <${Files} name=${name} data=${data} file=${file} />
      </div>
    </div>`}`;
}

function Figures({ data }) {
  const { model, recipe } = data ?? {};
  const figure = (title, text) => html`<div><dt>${title}</dt><dd>${text ?? "–"}</dd></div>`;
  return html`<dl class="figures">
    ${figure("Parameters", model && html`<span title=${count(model.safetensors.total)}>${rounded(model.safetensors.total)}</span>`)}
    ${figure("Size", model && size(model.usedStorage))}
    ${figure("Family", model && (model.config.model_type ?? model.library_name))}
    ${figure("Task", model && (model.pipeline_tag ?? "none"))}
    ${figure("Dtype", recipe && Object.keys(model.safetensors.parameters).map(dtypeName).join(", "))}
  </dl>`;
}

/** The seed and dtype that make a revision, as two fields. What is no name, such as a commit, has none to change. */
function Revision({ name, revision, setState, error }) {
  const named = REVISION.exec(revision);
  const [, seed = "", rest = ""] = named ?? [];
  const main = { repository: name };
  const options = Object.fromEntries(rest.split(",").filter(Boolean).map((part) => part.split("=")));
  const move = (nextSeed, dtype) => {
    const others = Object.entries({ ...options, dtype }).filter(([, text]) => text).map((pair) => `,${pair.join("=")}`);
    const next = (nextSeed || others.length ? `seed-${nextSeed || 0}` : "main") + others.join("");
    setState({ revision: next === "main" ? undefined : next });
  };
  return html`<section class="card" aria-labelledby="revision-title">
    <h2 id="revision-title">Revision <code>${revision}</code></h2>
    <div class="row">
      <${Digits} label="Seed" value=${seed} placeholder=${named ? "0, that of main" : "a commit"} mayBeEmpty disabled=${!named}
        error=${error && error.status === 404 ? error.message : undefined} onValue=${(text) => move(text, options.dtype)} />
      <${Select} label="Dtype" value=${named ? options.dtype || OWN_DTYPE : "a commit"} disabled=${!named}
        options=${DTYPES.map((each) => each || OWN_DTYPE)}
        onValue=${(each) => move(seed, each === OWN_DTYPE ? "" : each)} />
    </div>
    ${!named && html`<p class="hint">A commit holds its seed and dtype. To choose others begin at${" "}
      <a href=${address("checkpoints", main)} data-room="checkpoints" data-state=${JSON.stringify(main)}>the revision main</a>.</p>`}
    ${error && error.status !== 404 && html`<p class="notice" role="alert">${error.message}</p>`}
  </section>`;
}

function Load({ name, revision, data }) {
  const [shown, setShown] = useState("Python");
  const endpoint = ROOT.href.replace(/\/$/, "");
  const loading = (data?.loading ?? "").split("\n").filter(Boolean);
  const field = keyField();
  const tabs = {
    Python: ["import os", `os.environ["HF_ENDPOINT"] = "${endpoint}"${field ? "  # and HF_TOKEN, the key" : ""}`, ...loading].join("\n"),
    hf: `export HF_ENDPOINT=${endpoint}${field ? " HF_TOKEN=$KEY" : ""}\nhf download ${name} --revision ${revision}`,
    tensorseed: `${field ? "TENSORSEED_KEY=$KEY " : ""}tensorseed fetch ${name}@${revision} --url ${endpoint} -o ${name.split("/")[1]}/`,
    curl: `curl -s ${field ? `-H "${field}" ` : ""}'${url(`${name}/resolve/${revision}/config.json`).href}'`,
  };
  return html`<section class="card" aria-labelledby="load-title">
    <h2 id="load-title">Load it</h2>
    <${Tabs} label="Client" tabs=${tabs} chosen=${shown} onChoose=${setShown} />
  </section>`;
}

function Files({ name, data, file }) {
  return html`<section class="card flush files" aria-labelledby="files-title">
    <h2 id="files-title">Files</h2>
    <table>
      <colgroup><col /><col class="size" /></colgroup>
      <thead class="spoken"><tr><th scope="col">File</th><th scope="col">Size</th></tr></thead>
      <tbody>${(data?.model.siblings ?? []).map(
        ({ rfilename: path, size: length }) => html`<tr key=${path}>
          <th scope="row">${isText(path, length) || keyState().given
            ? html`<a href=${address("checkpoints", { repository: name, revision: data.revision, file: path })} data-room="checkpoints"
                data-state=${JSON.stringify({ repository: name, revision: data.revision, file: path })}
                aria-current=${path === file ? "true" : undefined}>${path}</a>`
            : html`<a href=${url(rawOf(name, data.revision, path)).href}>${path}</a>`}</th>
          <td class="number">${size(length)}</td></tr>`,
      )}</tbody>
    </table>
    ${keyState().given && html`<p class="hint commit">A browser sends no key with a link: each file has a line that fetches it.</p>`}
    <p class="hint commit">${data ? html`Commit <code>${data.model.sha}</code>` : "\u00a0"}</p>
  </section>`;
}
