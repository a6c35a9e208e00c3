// One answer in the forms that the service has of it: links, or buttons that save it where a key is needed.
import { call, keyState, url, useKey } from "../api.js";
import { html, useEffect, useState } from "./preact.js";

const FORMS = { svg: "SVG", png: "PNG", json: "JSON" };

/** Links to `path` as SVG, PNG and JSON. A link cannot carry a key: with one, a button fetches the answer and saves it.
 *  `name` says what it is, `file` is the name of a saved file without its suffix. Without a path there is nothing yet. */
export function Forms({ label, path, name, file }) {
  useKey();
  const [fault, setFault] = useState("");
  useEffect(() => setFault(""), [path]);
  const { given } = keyState();
  const addressOf = (form) => `${path}${path.includes("?") ? "&" : "?"}format=${form}`;
  const save = async (form) => {
    setFault("");
    try {
      const answer = await call(addressOf(form), { accept: "*/*" });
      download(await answer.blob(), `${file}.${form}`);
    } catch (error) {
      setFault(`Not saved: ${error.message}`);
    }
  };
  const control = ([form, title]) =>
    !path
      ? html`<span>${title}</span>`
      : given
        ? html`<button type="button" class="copy" aria-label=${`Save ${name} as ${title}`} onClick=${() => save(form)}>${title}</button>`
        : html`<a href=${url(addressOf(form)).href} target="_blank" rel="noreferrer" aria-label=${`${name} as ${title}`}>${title}</a>`;
  return html`<div class="forms"><span>${given ? "Save with your key:" : `${label}:`}</span>
    ${Object.entries(FORMS).map(control)}
    ${fault && html`<p class="error" role="alert">${fault}</p>`}</div>`;
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // browsers read it after the click
}
