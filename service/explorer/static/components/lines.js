// Lines to copy, and tabs over them.
import { html, useId, useRef, useState } from "./preact.js";

const SHOWN_MS = 1500;

/** A button that copies a text and says so. It is there before the text is, so that nothing beside it moves. */
export function Copy({ text, name }) {
  const [done, setDone] = useState("");
  const copy = async () => {
    setDone((await write(text)) ? "Copied" : "Select and copy");
    setTimeout(() => setDone(""), SHOWN_MS);
  };
  return html`<button type="button" class="copy" onClick=${copy} aria-label=${`Copy ${name}`}
    disabled=${text === undefined}>
    <span aria-live="polite">${done || "Copy"}</span></button>`;
}

/** Lines of code. */
export function Lines({ text, name }) {
  return html`<div class="lines">
    <pre tabindex="0" role="region" aria-label=${name}><code>${text}</code></pre>
  </div>`;
}

/** Lines in several languages, one shown: `{title: text}`. `beside` is shown beside the button that copies. */
export function Tabs({ label, tabs, chosen, onChoose, beside }) {
  const id = useId();
  const list = useRef(null);
  const names = Object.keys(tabs);
  const shown = names.includes(chosen) ? chosen : names[0];
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const last = names.length - 1;
    const at = { Home: 0, End: last }[event.key] ?? (step && (names.indexOf(shown) + step + names.length) % names.length);
    if (at === undefined) return;
    event.preventDefault();
    onChoose(names[at]);
    list.current.children[at].focus();
  };
  return html`<div class="tabs">
    <div class="tab-bar"><div role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>${names.map(
      (name) => html`<button type="button" role="tab" id=${`${id}-${name}`} aria-selected=${name === shown}
        aria-controls=${`${id}-panel`} tabindex=${name === shown ? 0 : -1} onClick=${() => onChoose(name)}>${name}</button>`,
    )}</div><div class="beside">${beside}<${Copy} text=${tabs[shown]} name=${shown} /></div></div>
    <div role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-${shown}`}>
      <${Lines} text=${tabs[shown]} name=${shown} /></div>
  </div>`;
}

/** Write to the clipboard, which pages that came over plain HTTP from another host have no API for. */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "spoken";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
