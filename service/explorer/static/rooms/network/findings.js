// The numbers of the charts as a table, and the warnings of the reports in their own words.
import { number } from "../../components/format.js";
import { html } from "../../components/preact.js";
import { Mark, numberOf } from "./charts.js";

const nameOf = ({ label }) => label ?? "The network";

/** What the charts show, for those who read rather than look. */
export function Figures({ reports }) {
  const counted = reports.some(({ loss }) => loss !== null);
  const steps = Math.max(...reports.map((report) => report.steps.length));
  const expected = reports.find(({ expected_loss: found }) => found)?.expected_loss;
  /** @type {[string, (report: any) => unknown][]} */
  const columns = [
    ["Signal, first", ({ layers }) => layers[0].std],
    ["Signal, last hidden", ({ layers }) => layers[Math.max(0, layers.length - 2)].std],
  ];
  if (counted) columns.push(["Gradient, first", ({ layers }) => layers[0].gradient_std], ["Loss at first", ({ loss }) => loss]);
  if (steps) columns.push([`After ${steps} ${steps === 1 ? "step" : "steps"}`, (report) => report.steps.at(-1)]);
  return html`<section class="card flush" aria-label="Figures">
    ${expected && html`<p class="above">A network that knows nothing has the loss ${number(Number(expected.value))}: ${expected.formula}.</p>`}
    <div class="scroll" tabindex="0" role="region" aria-label="Table of figures"><table>
    <thead><tr><th scope="col">Variant</th>${columns.map(([name]) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
    <tbody>${reports.map(
      (report, index) => html`<tr>
        <th scope="row"><${Mark} index=${index} /> ${nameOf(report)}</th>
        ${columns.map(([, of]) => html`<td class="number">${number(numberOf(of(report)))}</td>`)}
      </tr>`,
    )}</tbody>
  </table></div></section>`;
}

export function Findings({ reports }) {
  return html`<section class="card findings">
    <h2>Warnings</h2>
    <dl>${reports.map(
      (report, index) => html`<div><dt><${Mark} index=${index} /> ${nameOf(report)}</dt>
        ${report.warnings.length
          ? report.warnings.map(({ code, layer, level, detail }) => html`<dd class=${level}>
              <strong>${code.replaceAll("_", " ")}</strong>${layer && html` from <code>${layer}</code>`}: ${detail}</dd>`)
          : html`<dd class="none">None.</dd>`}</div>`,
    )}</dl>
  </section>`;
}
