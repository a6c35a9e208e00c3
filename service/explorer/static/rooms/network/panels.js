// Panels of charts: the signal, its gradient, shares of units, and the losses.
import { Chart } from "../../components/chart.js";
import { Check } from "../../components/fields.js";
import { html, useMemo, useState } from "../../components/preact.js";
import { depthChart, lossChart, numberOf, shareChart } from "./charts.js";

const HEIGHT = 250;

export function Panels({ reports, stale }) {
  const [inside, setInside] = useState(false);
  const outer = useMemo(() => reports.map(outside), [reports]);
  const nested = outer.some(({ layers }, index) => layers.length < reports[index].layers.length);
  const shown = inside ? reports : outer;
  const any = (member) => shown.some(({ layers }) => layers.some((layer) => numberOf(layer[member]) > 0));
  const counted = reports.some(({ loss }) => loss !== null);
  const trained = reports.some(({ steps }) => steps.length > 0);
  return html`<div class=${stale ? "panels stale" : "panels"}>
    ${nested && html`<${Check} label="Show the layers inside of blocks" checked=${inside} onValue=${setInside} />`}
    <div class="charts">
      <${Panel} title="Signal" words="deviation of each layer’s output" options=${depthChart(shown, "std")} of=${shown} />
      ${counted && html`<${Panel} title="Gradient" words="deviation of the loss’s gradient at each output"
        options=${depthChart(shown, "gradient_std")} of=${shown} />`}
      ${trained && html`<${Panel} title="Loss" words="after each step; the bold line is smoothed"
        options=${lossChart(reports)} of=${reports} />`}
      ${any("dead") && html`<${Panel} title="Dead units" words="share of units that are 0 for the whole batch" options=${shareChart(shown, "dead")} of=${shown} />`}
      ${any("saturated") && html`<${Panel} title="Saturated" words="share of elements near a bound of their function" options=${shareChart(shown, "saturated")} of=${shown} />`}
    </div>
  </div>`;
}

function Panel({ title, words, options, of }) {
  return html`<figure class="card"><figcaption><strong>${title}</strong> <span>${words}</span></figcaption>
    <${Chart} height=${HEIGHT} inputs=${[of]} options=${options} label=${`${title}: ${words}. The table below has the numbers.`} />
  </figure>`;
}

/** The report without the layers that a block holds: the block itself stands behind them. */
function outside(report) {
  const blocks = report.layers.filter(({ type }) => type === "Residual" || type === "Concat").map(({ name }) => `${name}.`);
  return { ...report, layers: report.layers.filter(({ name }) => !blocks.some((block) => name.startsWith(block))) };
}
