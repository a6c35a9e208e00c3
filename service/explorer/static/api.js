// Requests to the service: the key, problems as exceptions, and the sign of work.
import { useEffect, useState } from "./components/preact.js";
import { ROOT } from "./state.js";

const NO_KEY = "This service answers requests with a key: enter yours under “API key”, at the top.";
const WRONG_KEY = "This service does not know the key: enter another under “API key set”, at the top.";
const SLOW_MS = 200; // after which a request shows a sign of work

let key = ""; // in memory only: a page that is loaded again asks for it again
let running = 0;
let keyIsNeeded = false;
const listeners = new Set();

/** @typedef {{ parameter?: string, pointer?: string, detail: string }} Fault */
/** @typedef {{ title?: string, detail?: string, error?: string, errors?: Fault[] }} Document */

/** A problem document, or what stands for one: `errors` point at members or name parameters. */
export class Problem extends Error {
  /** @param {number} status @param {Document} [document] */
  constructor(status, { title, detail, error, errors = [] } = {}) {
    super(detail ?? error ?? title ?? "the service cannot be reached: is it running?");
    this.status = status;
    this.errors = errors;
  }

  /** The detail for a parameter, or for a JSON pointer and all below it. */
  at(name) {
    const found = this.errors.find(
      ({ parameter, pointer }) => parameter === name || pointer === name || pointer?.startsWith(`${name}/`),
    );
    return found?.detail;
  }

  /** The details that belong to none of `names`, with their parameters; the whole detail where there are no parts. */
  beside(names) {
    if (!this.errors.length) return [this.message];
    return this.errors
      .filter((error) => !names.some((name) => this.at(name) === error.detail))
      .map(({ parameter, detail }) => (parameter && !detail.startsWith(`${parameter} `) ? `${parameter}: ${detail}` : detail));
  }
}

/** The address of a path of the service. */
export const url = (path) => new URL(path.replace(/^\//, ""), ROOT);

/** Answer of the service. `body` is sent as JSON, `text` as JSON that is written already, `form` as a form.
 *  Throws a Problem, or an AbortError.
 *  @typedef {{ body?: unknown, text?: string, form?: Record<string, string>, accept?: string, signal?: AbortSignal, method?: string }} Sent
 *  @param {string} path @param {Sent} [options] */
export async function call(path, { body, text, form, accept = "application/json", signal, method } = {}) {
  const headers = { Accept: accept, ...(key && { Authorization: `Bearer ${key}` }) };
  const written = text ?? (body && JSON.stringify(body));
  if (written !== undefined) headers["Content-Type"] = "application/json";
  const content = written ?? (form && new URLSearchParams(form));
  started();
  try {
    const answer = await fetch(url(path), {
      method: method ?? (content === undefined ? "GET" : "POST"),
      headers,
      body: content,
      signal,
    });
    if (answer.ok) return answer;
    if (answer.status === 401) {
      needKey(true);
      throw new Problem(401, { detail: key ? WRONG_KEY : NO_KEY });
    }
    throw new Problem(answer.status, await answer.json().catch(() => ({ title: `the answer is ${answer.status}` })));
  } catch (error) {
    if (error instanceof TypeError) throw new Problem(0);
    throw error;
  } finally {
    ended();
  }
}

/** JSON of the service. @param {string} path @param {Sent} [options] @returns {Promise<any>} */
export const json = async (path, options) => (await call(path, options)).json();

const catalogs = new Map();

/** A catalogue, such as `/v1/schemes`, which is requested once. */
export function catalog(path) {
  if (!catalogs.has(path)) {
    const answer = json(path);
    catalogs.set(path, answer);
    answer.catch(() => catalogs.delete(path));
  }
  return catalogs.get(path);
}

/** `{data, error, pending}` of `ask(signal)`, asked anew `delay` ms after `inputs` change.
 *  An older request is cancelled. While a new one runs, and after a fault, `data` is the last there was. */
export function useAnswer(ask, inputs, delay = 0) {
  const [answer, setAnswer] = useState({ pending: true });
  useEffect(() => {
    const control = new AbortController();
    setAnswer((last) => ({ ...last, pending: true }));
    const timer = setTimeout(async () => {
      try {
        const data = await ask(control.signal);
        if (!control.signal.aborted) setAnswer({ data, pending: false });
      } catch (error) {
        if (!(error instanceof Problem) && error.name !== "AbortError") console.error(error);
        if (!control.signal.aborted) setAnswer((last) => ({ data: last.data, error, pending: false }));
      }
    }, delay);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [...inputs, useKey()]);
  return answer;
}

/** Set the key of the requests to come. */
export function setKey(text) {
  key = text.trim();
  keyIsNeeded = false;
  catalogs.clear();
  notify();
}

/** Whether there is a key, and whether one is missing. */
export const keyState = () => ({ given: key !== "", needed: keyIsNeeded });

/** The `Authorization` field of lines that are shown, with a name in the place of the key. */
export const keyField = () => (key ? "Authorization: Bearer $KEY" : undefined);

/** Call `listener` when the key or the sign of work changes. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let slow = false;
/** Whether a request has been under way for long enough to say so. */
export const isSlow = () => slow;

let timer = 0;
function started() {
  if (running++ === 0) {
    timer = setTimeout(() => {
      slow = true;
      notify();
    }, SLOW_MS);
  }
}

function ended() {
  if (--running > 0) return;
  clearTimeout(timer);
  if (slow) {
    slow = false;
    notify();
  }
}

function needKey(needed) {
  if (keyIsNeeded === needed) return;
  keyIsNeeded = needed;
  notify();
}

/** The key, whose change draws a component anew. */
export function useKey() {
  const [seen, setSeen] = useState(key);
  useEffect(() => subscribe(() => setSeen(key)), []);
  return seen;
}

function notify() {
  for (const listener of listeners) listener();
}
