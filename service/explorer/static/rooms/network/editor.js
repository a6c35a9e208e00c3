// The request as text, with the faults that the service finds beside it: by pointer, line and column.
import { url } from "../../api.js";
import { html, useEffect, useId, useRef, useState } from "../../components/preact.js";
import { locate } from "./pointers.js";

export function Editor({ text, byHand, error, edit, reset }) {
  const id = useId();
  const area = useRef(null);
  const [open, setOpen] = useState(byHand);
  const faults = error ? faultsOf(error, text) : [];
  useEffect(() => {
    if (faults.length) setOpen(true);
  }, [error]);
  const go = ({ offset }) => {
    area.current.focus();
    area.current.setSelectionRange(offset, offset);
  };
  return html`<details class="card request" open=${open} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>The request: <code>POST ${url("/v1/evaluations").pathname}</code></summary>
    <div class="columns">
      <div>
        <label class="hint" for=${id}>Evaluation, as JSON</label>
        <textarea id=${id} ref=${area} rows=${Math.min(36, text.split("\n").length + 1)} spellcheck=${false} wrap="off"
          autocapitalize="off" aria-invalid=${faults.length > 0} aria-describedby=${`${id}-faults`} value=${text}
          onInput=${(event) => edit(event.target.value)}></textarea>
        ${byHand && html`<button type="button" onClick=${reset}>Back to the preset</button>`}
      </div>
      <div id=${`${id}-faults`} class="faults" role="status">
        ${faults.length
          ? html`<ul>${faults.map((fault) => html`<li>
              ${fault.line && html`<button type="button" class="plain" onClick=${() => go(fault)}>line ${fault.line}, column ${fault.column}</button>`}
              ${fault.pointer && html` <code>${fault.pointer}</code>`} <span>${fault.detail}</span></li>`)}</ul>`
          : html`<p class="hint">Change it here: layers, input, target, loss, optimizer, and what to compare.</p>`}
      </div>
    </div>
  </details>`;
}

function faultsOf(error, text) {
  const parts = error.errors?.length ? error.errors : [{ detail: error.message }];
  return parts.map(({ pointer, detail }) => ({ pointer, detail, ...(locate(text, pointer ?? "") ?? spelled(detail, text)) }));
}

// A text that is no JSON has no pointers: the service says the line and the column.
function spelled(detail, text) {
  const found = detail.match(/line (\d+), column (\d+)/);
  if (!found) return {};
  const [line, column] = found.slice(1).map(Number);
  const offset = text.split("\n").slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0) + column - 1;
  return { line, column, offset };
}
