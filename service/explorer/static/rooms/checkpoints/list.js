// The list of recipes, with a search.
import { json, useAnswer } from "../../api.js";
import { Text } from "../../components/fields.js";
import { count, rounded, size } from "../../components/format.js";
import { html, useMemo } from "../../components/preact.js";
import { address } from "../../state.js";

/** All recipes with what the Hub's list says of their models, by id. */
async function recipes(signal) {
  const [rows, models] = await Promise.all([json("v1/recipes", { signal }), json("api/models", { signal })]);
  const facts = new Map(models.map((model) => [model.id, model]));
  return rows.map((row) => {
    const model = facts.get(row.id);
    return { ...row, family: model?.config.model_type ?? model?.library_name ?? "", task: model?.pipeline_tag ?? "" };
  });
}

export function List({ search, setState }) {
  const { data, error } = useAnswer(recipes, []);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = useMemo(
    () =>
      (data ?? []).filter((row) => {
        const text = [row.id, ...row.aliases, row.description, row.family, row.task, row.dtype].join(" ").toLowerCase();
        return words.every((word) => text.includes(word));
      }),
    [data, search],
  );
  return html`
    <section class="hero">
      <h1>Checkpoints without storage</h1>
      <p>Real architectures with random weights, for Hugging Face clients. A seed is a revision:${" "}
        <code>main</code>, <code>seed-42</code>, <code>seed-42,dtype=bfloat16</code>.</p>
    </section>
    <form class="search" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${Text} label="Search" value=${search} placeholder="llama, tiny, fill-mask, 8b"
        onValue=${(text) => setState({ search: text || undefined })} />
      <p class="hint" role="status">${data ? `${count(found.length)} of ${count(data.length)} recipes` : "\u00a0"}</p>
    </form>
    ${error && html`<p class="notice" role="alert">${error.message}</p>`}
    <div class="card flush list">
      <table>
        <caption class="spoken">Recipes</caption>
        <colgroup><col class="wide" /><col class="late family" /><col class="late task" /><col class="count" /><col class="late" /></colgroup>
        <thead><tr><th scope="col">Repository</th><th scope="col" class="late">Family</th><th scope="col" class="late">Task</th>
          <th scope="col" class="number">Parameters</th><th scope="col" class="number late">Size</th></tr></thead>
        <tbody>${found.map(
          (row) => html`<tr key=${row.id}>
            <th scope="row"><a href=${address("checkpoints", { repository: row.id })} data-room="checkpoints"
              data-state=${JSON.stringify({ repository: row.id })}>${row.id}</a><span class="hint">${row.description}</span></th>
            <td class="late">${row.family}</td><td class="late">${row.task}</td>
            <td class="number" title=${count(row.parameters)}>${rounded(row.parameters)}</td>
            <td class="number late">${size(row.size)}</td></tr>`,
        )}</tbody>
      </table>
      ${data && !found.length && html`<p class="below">No recipe matches. A recipe of any <code>config.json</code> is made by <code>tensorseed recipe</code>.</p>`}
      ${!data && !error && html`<div class="below rows"><p class="waiting hint">Reading the recipes …</p></div>`}
    </div>`;
}
