// Fields with a label, a hint, and the service's fault beside them.
import { html, useEffect, useId, useState } from "./preact.js";

const MAX_SEED = 2n ** 64n - 1n;

/** A fault of the service without the list of what is valid, where that is shown anyway. */
export const unlisted = (fault) => fault?.replace(/([:?]) valid are .*$/s, "$1 choose one of the list");

/** A sentence of the API, whose `names` are code. */
export const Prose = ({ text }) =>
  text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

/** A labelled field. `control` makes its element from the attributes that tie it to label, hint and fault. */
export function Field({ label, hint, error, control, wide }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`<div class=${`field${error ? " bad" : ""}${wide ? " wide" : ""}`}>
    <label for=${id}>${label}</label>
    ${control({ id, "aria-describedby": described || undefined, "aria-invalid": error ? "true" : undefined })}
    ${error && html`<p id=${`${id}-error`} class="error">${error}</p>`}
    ${hint && html`<p id=${`${id}-hint`} class="hint"><${Prose} text=${hint} /></p>`}
  </div>`;
}

/** A line of text. `onValue` gets every change. */
export function Text({ value, onValue, placeholder, inputmode, disabled, ...field }) {
  return html`<${Field} ...${field} control=${(ties) => html`<input ...${ties} type="text" value=${value ?? ""}
    placeholder=${placeholder} inputmode=${inputmode} disabled=${disabled} spellcheck=${false} autocomplete="off"
    onInput=${(event) => onValue(event.target.value)} />`} />`;
}

/** A whole number up to `max`. `onValue` gets every change that is one; another text stays, with its fault. */
export function Digits({ value, onValue, mayBeEmpty, max = MAX_SEED, error, ...field }) {
  const text = String(value);
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  const fault = (input) => {
    if (input === "" && mayBeEmpty) return undefined;
    if (!/^\d+$/.test(input)) return "a whole number, in digits";
    return BigInt(input) > BigInt(max) ? `at most ${max}` : undefined;
  };
  const take = (input) => {
    setTyped(input);
    if (!fault(input)) onValue(input);
  };
  return html`<${Text} ...${field} value=${typed} inputmode="numeric" onValue=${take}
    error=${fault(typed) ?? error} />`;
}

/** A choice of texts, or of `{label, options}` groups. A value that is none of them, such as an alias, comes first. */
export function Select({ value, options, onValue, disabled, error, ...field }) {
  const isListed = options.some((each) => each === value || each.options?.includes(value));
  const option = (text) => html`<option value=${text} selected=${text === value}>${text}</option>`;
  return html`<${Field} ...${field} error=${unlisted(error)} control=${(ties) => html`<select ...${ties} disabled=${disabled}
    onChange=${(event) => onValue(event.target.value)}>${(isListed ? options : [value, ...options]).map((each) =>
      each.options ? html`<optgroup label=${each.label}>${each.options.map(option)}</optgroup>` : option(each),
    )}</select>`} />`;
}

/** A box to tick. */
export function Check({ label, checked, onValue, hint, error }) {
  const id = useId();
  return html`<div class=${error ? "field check bad" : "field check"}>
    <input type="checkbox" id=${id} checked=${checked} aria-describedby=${hint ? `${id}-hint` : undefined}
      aria-invalid=${error ? "true" : undefined} onChange=${(event) => onValue(event.target.checked)} />
    <label for=${id}>${label}</label>
    ${error && html`<p class="error">${error}</p>`}
    ${hint && html`<p id=${`${id}-hint`} class="hint"><${Prose} text=${hint} /></p>`}
  </div>`;
}

/** Texts of which one is chosen, side by side: radio buttons. */
export function Choice({ label, value, options, onValue }) {
  const name = useId();
  return html`<fieldset class="choice"><legend>${label}</legend>${options.map(
    ([text, title]) => html`<label><input type="radio" name=${name} value=${text} checked=${text === value}
      onChange=${() => onValue(text)} /><span>${title}</span></label>`,
  )}</fieldset>`;
}
