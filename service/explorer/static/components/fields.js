// Fields with a label, a hint, and the service's fault beside them.
import { html, useEffect, useId, useState } from "./preact.js";

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
export function Text({ value, onValue, placeholder, inputmode, ...field }) {
  return html`<${Field} ...${field} control=${(ties) => html`<input ...${ties} type="text" value=${value ?? ""}
    placeholder=${placeholder} inputmode=${inputmode} spellcheck=${false} autocomplete="off"
    onInput=${(event) => onValue(event.target.value)} />`} />`;
}

/** A whole number. `onValue` gets every change that is one; another text stays, with its fault. */
export function Digits({ value, onValue, mayBeEmpty, error, ...field }) {
  const text = String(value);
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  const isWhole = (input) => (input === "" ? mayBeEmpty : /^\d{1,20}$/.test(input));
  const take = (input) => {
    setTyped(input);
    if (isWhole(input)) onValue(input);
  };
  return html`<${Text} ...${field} value=${typed} inputmode="numeric" onValue=${take}
    error=${isWhole(typed) ? error : "a whole number, in digits"} />`;
}

/** A choice of texts, or of `{label, options}` groups. */
export function Select({ value, options, onValue, ...field }) {
  const option = (text) => html`<option value=${text} selected=${text === value}>${text}</option>`;
  return html`<${Field} ...${field} control=${(ties) => html`<select ...${ties}
    onChange=${(event) => onValue(event.target.value)}>${options.map((each) =>
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
