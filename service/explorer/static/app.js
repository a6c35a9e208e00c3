// The explorer's shell: header, rooms, the key, the sign of work.
//
// A room is a module in rooms/, loaded when it is opened. It exports
//   title            its name in the header and in the title of the window
//   Room             a component of Preact with the properties
//     state          an object of texts, which is the query of the address: any names but `room`
//     setState       changes members of it: setState({seed: "7"}); undefined removes one
//     announce       says a sentence to screen readers
// A new room is a line in ROOMS below. `api.js` sends requests, `components/` has fields, charts and lines to copy.
import { isSlow, keyState, setKey, subscribe as onRequests } from "./api.js";
import { html, render, useEffect, useId, useRef, useState } from "./components/preact.js";
import { address, go, now, ROOT, setState, subscribe as onState } from "./state.js";

const ROOMS = {
  tensor: { title: "Tensor", load: () => import("./rooms/tensor.js") },
  network: { title: "Network", load: () => import("./rooms/network.js") },
  checkpoints: { title: "Checkpoints", load: () => import("./rooms/checkpoints.js") },
};

function useChanges(subscribe, get) {
  const [value, setValue] = useState(get);
  useEffect(() => subscribe(() => setValue(get())), []);
  return value;
}

function App() {
  const { room, state } = useChanges(onState, now);
  const known = Object.hasOwn(ROOMS, room);
  const [modules, setModules] = useState({});
  const [spoken, announce] = useState("");
  const [fault, setFault] = useState("");
  useEffect(() => {
    if (!known || modules[room]) return;
    ROOMS[room].load().then(
      (module) => setModules((loaded) => ({ ...loaded, [room]: module })),
      () => setFault("This part of the page cannot be loaded. Load the page again."),
    );
  }, [room]);
  const module = modules[room];
  useEffect(() => {
    const parts = [state.file, state.repository ?? module?.title, "tensorseed"];
    document.title = parts.filter(Boolean).join(" · ");
  }, [module, state.repository, state.file]);
  return html`
    <a class="skip" href="#room">Skip to the content</a>
    <${Header} room=${room} />
    <main id="room" tabindex="-1">
      ${!known && html`<section class="hero"><h1>There is no room ${room}</h1>
        <p>The rooms are ${Object.entries(ROOMS).map(([name, { title }], at) => html`${at > 0 && ", "}<a href=${address(name)}
          data-room=${name}>${title}</a>`)}.</p></section>`}
      ${fault && html`<p class="notice" role="alert">${fault}</p>`}
      ${known && !module && !fault && html`<p class="waiting hint">Loading …</p>`}
      ${module && html`<${module.Room} key=${room} state=${state} setState=${setState} announce=${announce} />`}
    </main>
    <${Footer} />
    <p class="spoken" role="status" aria-live="polite">${spoken}</p>`;
}

function Header({ room }) {
  const slow = useChanges(onRequests, isSlow);
  return html`<header class="top">
    <div class="bar">
      <a class="brand" href=${address("tensor")} data-room="tensor">
        <svg viewBox="0 0 16 16" aria-hidden="true"><path class="a" d="M1 1h6v6H1z" /><path class="b" d="M9 1h6v6H9z" />
          <path class="c" d="M1 9h6v6H1z" /><path class="d" d="M9 9h6v6H9z" /></svg>tensorseed</a>
      <nav aria-label="Rooms">
        ${Object.entries(ROOMS).map(
          ([name, { title }]) => html`<a href=${address(name)} data-room=${name}
            aria-current=${name === room ? "page" : undefined}>${title}</a>`,
        )}
        <a href=${new URL("docs", ROOT).pathname}>API</a>
      </nav>
      <div class="tools"><${Key} /><${Theme} /></div>
    </div>
    <div class=${slow ? "work on" : "work"} role="progressbar" aria-label="Waiting for the service"
      aria-hidden=${slow ? undefined : "true"}></div>
  </header>`;
}

function Key() {
  const { given, needed } = useChanges(onRequests, keyState);
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [box, opener, field] = [useRef(null), useRef(null), useRef(null)];
  const id = useId();
  const close = () => {
    setOpen(false);
    opener.current.focus();
  };
  useEffect(() => {
    if (needed) setOpen(true);
  }, [needed]);
  useEffect(() => {
    if (!open) return undefined;
    field.current?.focus();
    const leave = (event) => box.current.contains(event.target) || setOpen(false);
    addEventListener("pointerdown", leave);
    return () => removeEventListener("pointerdown", leave);
  }, [open]);
  const use = (event) => {
    event.preventDefault();
    setKey(text);
    close();
    setText("");
  };
  return html`<div class="key" ref=${box} onKeyDown=${(event) => event.key === "Escape" && open && close()}>
    <button type="button" class="plain" ref=${opener} aria-expanded=${open} aria-controls=${id}
      onClick=${() => setOpen(!open)}>${given ? "API key set" : "API key"}</button>
    <form id=${id} class="panel popover" hidden=${!open} onSubmit=${use}>
      <label for=${`${id}-text`}>API key</label>
      <input ref=${field} id=${`${id}-text`} type="password" autocomplete="off" spellcheck=${false} value=${text}
        aria-describedby=${`${id}-hint`} onInput=${(event) => setText(event.target.value)} />
      <p id=${`${id}-hint`} class="hint">${
        needed && !text ? "This service answers requests with a key. " : ""
      }The key stays in this page’s memory and is forgotten when the page closes.</p>
      <button>${text || !given ? "Use this key" : "Forget the key"}</button>
    </form>
  </div>`;
}

const THEMES = { auto: "dark", dark: "light", light: "auto" };
const THEME_NAMES = { auto: "Auto", dark: "Dark", light: "Light" };

function Theme() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? "auto");
  const turn = () => {
    const next = THEMES[theme];
    setTheme(next);
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Storage is off: the theme lasts as long as the page.
    }
    dispatchEvent(new Event("theme"));
  };
  return html`<button type="button" class="plain theme" onClick=${turn}
    aria-label=${`Theme: ${THEME_NAMES[theme]}. Change to ${THEME_NAMES[THEMES[theme]]}.`}>Theme: ${THEME_NAMES[theme].toLowerCase()}</button>`;
}

function Footer() {
  return html`<footer>
    <p>Nothing is stored: every byte is computed when it is read.</p>
    <p><a href=${new URL("docs", ROOT).pathname}>API</a> · <a href=${new URL("openapi.json", ROOT).pathname}>OpenAPI</a></p>
  </footer>`;
}

// Links to rooms change the state, and load no page.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && /** @type {HTMLAnchorElement | null} */ (event.target.closest("a[data-room]"));
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  event.preventDefault();
  go(link.dataset.room, JSON.parse(link.dataset.state ?? "{}"));
  scrollTo(0, 0);
  document.getElementById("room")?.focus({ preventScroll: true });
});

render(html`<${App} />`, document.getElementById("app"));
