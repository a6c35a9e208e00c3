// One file of a repository: a text as it is, other files as a link.
import { call, keyField, keyState, url, useAnswer } from "../../api.js";
import { size as sizeOf } from "../../components/format.js";
import { Copy, Lines } from "../../components/lines.js";
import { html } from "../../components/preact.js";
import { address } from "../../state.js";

const MAX_SHOWN = 1 << 18; // bytes; a vocabulary of megabytes would hold the page up
const TEXTS = /\.(?:json|md|txt|jinja)$/;

/** Whether a file is shown as a text. */
export const isText = (path, size) => TEXTS.test(path) && size <= MAX_SHOWN;

/** The path of a file's bytes. */
export const rawOf = (name, revision, path) =>
  `${name}/resolve/${encodeURIComponent(revision)}/${path.split("/").map(encodeURIComponent).join("/")}`;

export function File({ name, revision, path, size }) {
  const raw = rawOf(name, revision, path);
  const shown = size !== undefined && isText(path, size);
  const { data, error, pending } = useAnswer(
    async (signal) => (shown ? { path, text: await (await call(raw, { accept: "*/*", signal })).text() } : null),
    [raw, shown],
  );
  const text = data?.path === path ? data.text : undefined;
  const opening = shown && data === undefined && !error; // what is below waits for the height of the text
  const field = keyField();
  const line = `curl -s ${field ? `-H "${field}" ` : ""}'${url(raw).href.replaceAll("'", "%27")}' -o '${path.split("/").at(-1).replaceAll("'", "_")}'`;
  const state = { repository: name, ...(revision !== "main" && { revision }) };
  return html`<section class=${`card file ${opening ? "opening" : ""}`} aria-labelledby="file-title" aria-busy=${pending}>
    <div class="head"><h2 id="file-title">${path} <span class="hint">${size !== undefined && sizeOf(size)}</span></h2>
      <div class="beside">
        <a class="copy" href=${address("checkpoints", state)} data-room="checkpoints" data-state=${JSON.stringify(state)}>Close</a>
        ${size !== undefined && !keyState().given && html`<a class="copy" href=${url(raw).href}>Download</a>`}
        ${shown ? html`<${Copy} text=${text} name=${path} />` : size !== undefined && html`<${Copy} text=${line} name="the line" />`}</div></div>
    ${size === undefined
      ? html`<p class="notice" role="alert">There is no file ${path} at ${revision}: see those below.</p>`
      : error
        ? html`<p class="notice" role="alert">${error.message}</p>`
        : text !== undefined
          ? html`<div class="lines"><pre tabindex="0" role="region" aria-label=${path}><code>${text}</code></pre></div>`
          : shown
            ? html`<p class="hint">Reading the file …</p>`
            : html`<p class="hint">The page shows short texts. ${keyState().given ? "" : "Download this file, or fetch it with a line."}</p>
              <${Lines} text=${line} name="The line that fetches the file" />`}
  </section>`;
}
