// Generation off the main thread of a page.

import { TensorseedError, UnsupportedError } from "./errors.js";
import { generate } from "./generate.js";

/** @type {Map<number, { resolve: (file: any) => void, reject: (error: unknown) => void }>} */
const pending = new Map();
/** @type {Worker | undefined} */
let worker;
let count = 0;

/**
 * `generate`, in a worker of this package. Where there are no workers, as in Node, it runs on the thread that calls.
 *
 * @param {import("./index.js").Query | URLSearchParams | string} query
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<import("./index.js").Generated>}
 */
export async function generateInWorker(query, { signal } = {}) {
  signal?.throwIfAborted();
  if (typeof Worker === "undefined") return generate(query);
  const running = (worker ??= started());
  const id = ++count;
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject });
    signal?.addEventListener("abort", () => settle(id, "reject", signal.reason), { once: true });
    running.postMessage({ id, query: query instanceof URLSearchParams ? String(query) : query });
  }).finally(() => {
    if (signal?.aborted && pending.size === 0) stop(); // nobody waits for what it computes
  });
}

function started() {
  const found = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  found.onmessage = ({ data: { id, file, error } }) => {
    if (!error) return settle(id, "resolve", file);
    const kind = error.name === "UnsupportedError" ? UnsupportedError : TensorseedError;
    return settle(id, "reject", new kind(error.message, error.field));
  };
  found.onerror = () => {
    stop();
    for (const id of pending.keys()) settle(id, "reject", new TensorseedError("the worker could not be started"));
  };
  return found;
}

/** @param {number} id @param {"resolve" | "reject"} how @param {any} value */
function settle(id, how, value) {
  const call = pending.get(id);
  pending.delete(id);
  call?.[how](value);
}

function stop() {
  worker?.terminate();
  worker = undefined;
}
