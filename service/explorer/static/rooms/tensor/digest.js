// The digest of a file, by the service and of the same file generated in the browser.
import { json, useAnswer } from "../../api.js";
import { count, sentence, size } from "../../components/format.js";
import { Copy } from "../../components/lines.js";
import { html, useState } from "../../components/preact.js";

const MAX_BYTES = 1 << 26; // of a file whose digest is computed without being asked for
const MAX_VALUES = 1 << 20; // of a file that is generated here too

/** What the service says of a file's digest, and what this browser finds. */
export function Digest({ found, query, failed }) {
  const { plan, total } = found ?? {};
  const [wanted, setWanted] = useState(null);
  const large = plan !== undefined && plan.size > MAX_BYTES && wanted !== plan.token;
  const service = useAnswer(async (signal) => {
    if (!plan || large) return null;
    return (await json(`v1/weights/${plan.token}/digest`, { signal })).digest;
  }, [plan?.token, large]);
  const own = useAnswer((signal) => (plan && total <= MAX_VALUES ? generate(query, signal) : null), [plan?.token]);
  const digest = service.pending || failed ? null : service.data;
  return html`<div class="digest">
    <span class="name">SHA-256</span>
    <code>${digest ?? "–"}</code>
    ${large && !failed
      ? html`<button type="button" class="copy" onClick=${() => setWanted(plan.token)}>Compute</button>`
      : html`<${Copy} text=${digest ?? undefined} name="the SHA-256" />`}
    <p class="hint" role="status">${
      failed
        ? `No file: ${failed}.`
        : large
          ? `A file of ${size(plan.size)}, which the service has to compute first.`
          : service.error
            ? service.error.message
            : html`<${Proof} digest=${digest} own=${own.pending ? null : own.data} total=${total} plan=${plan} />`
    }</p>
  </div>`;
}

function Proof({ digest, own, total, plan }) {
  if (!digest) return plan ? `The service computes ${size(plan.size)}.` : "\u00a0";
  if (!own) return "Of the whole file, by the service.";
  if (own.reason) return `Of the whole file, by the service. ${own.reason}`;
  if (own.sha256 !== digest)
    return html`<span class="error">This browser generated another file, ${own.sha256}: please report it.</span>`;
  const speed = `${count(total)} ${total === 1 ? "value" : "values"} in ${Math.max(1, Math.round(own.milliseconds))} ms`;
  return html`<span class="tick" aria-hidden="true">✓</span> Generated again in this browser, ${speed}: equal, bit for bit.`;
}

/** The digest of the file of a query, generated in a worker. */
async function generate(query, signal) {
  const { generateInWorker, UnsupportedError } = await import("../../tensorseed/index.js");
  const began = performance.now();
  try {
    const { sha256 } = await generateInWorker(new URLSearchParams(query), { signal });
    return { sha256, milliseconds: performance.now() - began };
  } catch (error) {
    if (signal.aborted) throw error;
    const generated = !(error instanceof UnsupportedError);
    return { reason: generated ? sentence(`This browser failed to generate it: ${error.message}`) : "The page does not generate this one." };
  }
}
