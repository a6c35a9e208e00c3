// A service from the browser or Node: plans, files, and tensors of files that are fetched by ranges.

import { decode } from "./dtypes.js";
import { ServiceError, TensorseedError } from "./errors.js";
import { headerLength, parse, readHeader } from "./safetensors.js";

/** @typedef {import("./index.js").Source} Source */
/** @typedef {import("./index.js").Query} Query */

const FIRST_RANGE = 65536; // bytes that hold most headers
const MAX_PAUSE = 60; // seconds between two attempts
const BUSY = [429, 503];

export class Client {
  #base;
  #key;
  #fetch;
  #attempts;

  /** @param {import("./index.js").ClientOptions} [options] */
  constructor({ url = globalThis.location?.origin, key, fetch, attempts = 5 } = {}) {
    if (!url) throw new TensorseedError("give the address of the service: new Client({ url })");
    this.#base = absolute(url).replace(/\/+$/, "");
    this.#key = key;
    this.#fetch = fetch ?? globalThis.fetch.bind(globalThis);
    this.#attempts = attempts;
  }

  /**
   * What the file of a spec holds; nothing of it is computed.
   *
   * @param {object | string} spec - or its JSON text
   * @param {{ signal?: AbortSignal }} [options]
   */
  async plan(spec, { signal } = {}) {
    const response = await this.#request("/v1/weights/plan", { ...posted(spec), signal });
    return response.json();
  }

  /**
   * A whole file, parsed. A transfer that breaks goes on where it broke.
   *
   * @param {Source} source - a spec, a query, a token or a URL
   * @param {{ signal?: AbortSignal, onProgress?: (received: number, size: number) => void }} [options]
   */
  async fetch(source, options = {}) {
    const { url, spec } = await this.#located(source, options.signal);
    const { bytes, etag } = await this.#read(url ?? "/v1/weights", url ? {} : posted(spec), options);
    return { ...parse(bytes), bytes, etag };
  }

  /**
   * A file whose tensors are fetched when they are read, each by its range of bytes.
   *
   * @param {Source} source - a spec, a query, a token or a URL
   * @param {{ signal?: AbortSignal }} [options]
   */
  async open(source, { signal } = {}) {
    const { url } = await this.#located(source, signal);
    if (!url) throw new TensorseedError("this spec is too long for a URL: fetch the whole file");
    const read = (/** @type {string} */ path, /** @type {RequestInit} */ init) => this.#request(path, init);
    return RemoteFile.open(read, url, signal);
  }

  /** Where a file is; a spec that no URL holds is sent itself. @param {Source} source @param {AbortSignal} [signal] */
  async #located(source, signal) {
    const given = typeof source === "string" ? source.trim() : source;
    if (typeof given === "string" && !given.startsWith("{")) {
      if (given.startsWith("s1.")) return { url: `/v1/weights/${given}` };
      return { url: /^(\/|https?:)/.test(given) ? given : `/v1/weights?${given}` };
    }
    if (given instanceof URLSearchParams || (typeof given === "object" && "init" in given && !("layers" in given))) {
      return { url: `/v1/weights?${searchOf(/** @type {Query} */ (given))}` };
    }
    const { url, token } = await this.plan(given, { signal });
    return { url: url && `/v1/weights/${token}`, spec: given };
  }

  /** @param {string} url @param {RequestInit} init @param {any} options */
  async #read(url, init, { signal, onProgress }) {
    let bytes = new Uint8Array(0);
    let etag = null;
    for (let at = 0, broken = 0; ; ) {
      const range = at ? { Range: `bytes=${at}-`, "If-Range": etag ?? "" } : {};
      const headers = { .../** @type {any} */ (init.headers), ...range };
      const response = await this.#request(url, { ...init, headers, signal });
      if (response.status !== 206) {
        const length = response.headers.get("content-length");
        etag = response.headers.get("etag");
        if (length === null) return { bytes: new Uint8Array(await response.arrayBuffer()), etag };
        bytes = new Uint8Array(Number(length));
        at = 0;
      }
      const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      try {
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
          bytes.set(piece.value, at);
          at += piece.value.length;
          onProgress?.(at, bytes.length);
        }
        if (at === bytes.length) return { bytes, etag };
        throw new TensorseedError(`the file ended after ${at} of ${bytes.length} bytes`);
      } catch (error) {
        broken += 1;
        if (signal?.aborted || broken >= this.#attempts || !etag) throw error;
        await pause(2 ** broken / 4, signal);
      }
    }
  }

  /**
   * The answer to a request, tried again where the service is busy or the connection breaks.
   *
   * @param {string} path - or a URL; the key goes to the client's own service alone
   * @param {RequestInit} init
   */
  async #request(path, init) {
    const url = /^https?:/.test(path) ? absolute(path) : this.#base + path;
    const headers = new Headers(init.headers);
    if (this.#key && new URL(url).origin === new URL(this.#base).origin) headers.set("Authorization", `Bearer ${this.#key}`);
    const { signal } = init;
    new Request(url, { ...init, headers }); // throws for wrong arguments, which no further attempt mends
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= this.#attempts;
      let response;
      try {
        response = await this.#fetch(url, { ...init, headers });
      } catch (error) {
        if (signal?.aborted) throw error;
        if (isLast) throw unreachable(url, error);
        await pause(2 ** attempt / 4, signal);
        continue;
      }
      if (response.ok) return response;
      if (isLast || !BUSY.includes(response.status)) throw await refusal(response);
      await response.body?.cancel();
      await pause(secondsUntil(response.headers.get("retry-after")) ?? 2 ** attempt / 4, signal);
    }
  }
}

/** An address that `fetch` takes, from the page's own where there is one. @param {string | URL} address */
function absolute(address) {
  let url;
  try {
    url = new URL(address, globalThis.location?.href);
  } catch {
    throw new TensorseedError("the address is no URL: begin it with http:// or https://");
  }
  if (!/^https?:$/.test(url.protocol)) {
    throw new TensorseedError(`the address begins with ${url.protocol}: begin it with http:// or https://`);
  }
  if (url.username || url.password) {
    throw new TensorseedError("the address holds a name or a password: give a key, as in new Client({ url, key })");
  }
  return url.href;
}

/** The error of a service that does not answer. @param {string} url @param {unknown} cause */
function unreachable(url, cause) {
  const error = new TensorseedError(`nothing answers at ${new URL(url).origin}: is it running, and may this page ask it?`);
  error.cause = cause;
  return error;
}

/** A file at a URL; only its header is here. */
export class RemoteFile {
  #read;

  /**
   * @param {(path: string, init: RequestInit) => Promise<Response>} read
   * @param {{ url: string, etag: string | null, size: number, header: import("./safetensors.js").Header }} file
   */
  constructor(read, { url, etag, size, header }) {
    this.#read = read;
    this.url = url;
    this.etag = etag;
    this.size = size;
    this.metadata = header.metadata;
    this.tensors = header.tensors;
  }

  /** @param {(path: string, init: RequestInit) => Promise<Response>} read @param {string} url @param {AbortSignal} [signal] */
  static async open(read, url, signal) {
    const part = async (/** @type {number} */ stop) => {
      const response = await read(url, { headers: { Range: `bytes=0-${stop - 1}` }, signal });
      return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
    };
    let { response, bytes } = await part(FIRST_RANGE);
    if (headerLength(bytes) > bytes.length) ({ response, bytes } = await part(headerLength(bytes)));
    const size = Number(response.headers.get("content-range")?.split("/")[1] ?? bytes.length);
    const file = { url, etag: response.headers.get("etag"), size, header: readHeader(bytes, size) };
    return new RemoteFile(read, file);
  }

  /** The names of the tensors, in file order. */
  get names() {
    return [...this.tensors.keys()];
  }

  /**
   * One tensor, fetched by its range of bytes.
   *
   * @param {string} name
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<import("./index.js").Tensor>}
   */
  async tensor(name, { signal } = {}) {
    const found = this.tensors.get(name);
    if (!found) throw new TensorseedError(`the file has no tensor ${name}: it has ${this.names.slice(0, 20).join(", ")}`);
    const { dtype, shape, start, stop } = found;
    if (start === stop) return { dtype, shape, data: decode(new Uint8Array(0), dtype) };
    const headers = { Range: `bytes=${start}-${stop - 1}`, ...(this.etag ? { "If-Match": this.etag } : {}) };
    const response = await this.#read(this.url, { headers, signal });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const data = response.status === 206 ? bytes : bytes.slice(start, stop);
    if (data.length !== stop - start) throw new TensorseedError(`the service sent ${data.length} bytes of ${name}`);
    return { dtype, shape, data: decode(data, dtype) };
  }

  /**
   * A slice of one tensor: `0:128,:` has the first 128 rows.
   *
   * @param {string} name @param {string} slice - `start:stop` for each dimension, separated by commas
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<import("./index.js").Tensor>}
   */
  async slice(name, slice, { signal } = {}) {
    if (this.url.includes("?")) throw new TensorseedError("a slice needs a token: open the spec instead of the query");
    const response = await this.#read(`${this.url}/tensors/${encodeURIComponent(name)}?slice=${encodeURIComponent(slice)}`, { signal });
    const { tensors } = parse(await response.arrayBuffer());
    return /** @type {any} */ (tensors.get(name));
  }
}

/** A query as the address has it. @param {Query | URLSearchParams} query @returns {string} */
export function searchOf(query) {
  if (query instanceof URLSearchParams) return query.toString();
  const { init, ...rest } = query;
  const { kind, ...parameters } = typeof init === "object" ? init : { kind: init };
  const found = new URLSearchParams({ init: kind });
  for (const [name, value] of Object.entries({ ...rest, ...parameters })) {
    if (value === undefined || value === null) continue;
    const isText = typeof value !== "object" || name === "shape";
    found.set(name, isText ? String(value) : JSON.stringify(value));
  }
  return found.toString();
}

/** @param {object | string} spec @returns {RequestInit} */
function posted(spec) {
  const body = typeof spec === "string" ? spec : JSON.stringify(spec, (_, value) => (typeof value === "bigint" ? String(value) : value));
  return { method: "POST", headers: { "Content-Type": "application/json" }, body };
}

/** @param {Response} response */
async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  return new ServiceError(response.status, problem ?? {});
}

/** Seconds that a `Retry-After` asks for, in either of its forms. @param {string | null} text */
function secondsUntil(text) {
  if (text === null) return null;
  const seconds = /^[0-9]+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), MAX_PAUSE);
}

/** @param {number} seconds @param {AbortSignal | null} [signal] @returns {Promise<void>} */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, Math.min(seconds, MAX_PAUSE) * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
