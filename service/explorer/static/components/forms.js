// One answer in the forms that the service has of it: links, or buttons that save it where a key is needed.
import { call, keyState, url, useKey } from "../api.js";
import { sentence } from "./format.js";
import { html, useEffect, useRef, useState } from "./preact.js";

const FORMS = { svg: "SVG", png: "PNG", json: "JSON" };

/** Links to `path` as SVG, PNG and JSON. A link cannot carry a key: with one, a button fetches the answer and saves it.
 *  `name` says what it is, `file` is the name of a saved file without its suffix. Without a path there is nothing. */
export function Forms({ label, path, name, file }) {
  const key = useKey();
  const { given } = keyState();
  /** @type {[{ pending?: string, saved?: string, fault?: string }, (outcome: object) => void]} */
  const [{ pending, saved, fault }, setOutcome] = useState({});
  const running = useRef(null); // the one request at a time
  useEffect(() => {
    setOutcome({});
    return () => {
      running.current?.abort();
      running.current = null;
    };
  }, [path, key]);
  if (!path) return html`<div class="forms"></div>`;
  const addressOf = (form) => `${path}${path.includes("?") ? "&" : "?"}format=${form}`;
  const save = async (form) => {
    if (running.current) return;
    const control = new AbortController();
    running.current = control;
    setOutcome({ pending: form });
    const outcome = await call(addressOf(form), { accept: "*/*", signal: control.signal })
      .then((answer) => answer.blob())
      .then(
        (content) => ({ content, fault: undefined }),
        (error) => ({ content: undefined, fault: error.message }),
      );
    if (running.current !== control) return; // of another path by now
    running.current = null;
    if (outcome.content) download(outcome.content, `${file}.${form}`);
    setOutcome(outcome.content ? { saved: form } : { fault: outcome.fault });
  };
  const control = ([form, title]) =>
    given
      ? html`<button type="button" class="copy" aria-label=${`Save ${name} as ${title}`}
          aria-disabled=${pending ? "true" : undefined} onClick=${() => save(form)}>${title}</button>`
      : html`<a href=${url(addressOf(form)).href} target="_blank" rel="noreferrer" aria-label=${`${name} as ${title}`}>${title}</a>`;
  const status = pending ? `Fetching ${FORMS[pending]} …` : saved ? `Saved ${file}.${saved}.` : "";
  return html`<div class="forms" role="group" aria-label=${given ? `Save ${name}` : `${name} by URL`}>
    <span>${given ? "Save with your key:" : `${label}:`}</span>
    ${Object.entries(FORMS).map(control)}
    ${given && html`<span class="hint" role="status">${status}</span>`}
    ${fault && html`<p class="error" role="alert">${sentence(`Not saved: ${fault}`)}</p>`}</div>`;
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // browsers read it after the click
}
