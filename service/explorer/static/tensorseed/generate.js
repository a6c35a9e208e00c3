// Tensors and their files, computed here from docs/stream-v1.md, bit for bit as the service does.

import { decode, encode } from "./dtypes.js";
import { TensorseedError, UnsupportedError } from "./errors.js";
import { entryOf, recipeOf } from "./query.js";
import { headerOf } from "./safetensors.js";
import { SCHEMES } from "./schemes.js";
import { sha256 } from "./sha256.js";

/** @typedef {import("./index.js").Query} Query */
/** @typedef {import("./index.js").Values} Values */
/** @typedef {import("./query.js").Entry} Entry */

/** Elements that one call computes. */
export const MAX_VALUES = 2 ** 24;

/**
 * The file of one tensor: that of `GET /v1/weights` with the same query.
 *
 * @param {Query | URLSearchParams | string} query
 * @returns {import("./index.js").Generated}
 */
export function generate(query) {
  const entry = entryOf(query);
  const { shape, dtype, name } = entry;
  const count = shape.reduce((product, size) => product * size, 1);
  const recipe = recipeOf(entry);
  const header = headerOf(name, dtype, shape, recipe);
  const data = drawn(entry, 0, count);
  const bytes = new Uint8Array(header.length + data.length);
  bytes.set(header);
  bytes.set(data, header.length);
  return {
    name, dtype, shape, recipe, bytes,
    header: bytes.subarray(0, header.length),
    values: /** @type {Values} */ (decode(bytes.subarray(header.length), dtype)),
    sha256: sha256(bytes),
    etag: sha256(new TextEncoder().encode("tensorseed file v1\n"), header),
    token: tokenOf(recipe),
  };
}

/**
 * Consecutive elements of one tensor, however large it is.
 *
 * @param {Query | URLSearchParams | string} query
 * @param {number} first - the index of the first element in the row-major tensor
 * @param {number} count
 * @returns {Values}
 */
export function elements(query, first, count) {
  const entry = entryOf(query);
  const size = entry.shape.reduce((product, length) => product * length, 1);
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || first < 0 || count < 0 || first + count > size) {
    throw new TensorseedError(`the tensor has the elements 0 to ${size - 1}`);
  }
  return /** @type {Values} */ (decode(drawn(entry, first, count), entry.dtype));
}

/** Elements in the bytes of a file. @param {Entry} entry @param {number} first @param {number} count @returns {Uint8Array} */
function drawn({ shape, dtype, seed, name, kind, parameters }, first, count) {
  if (count > MAX_VALUES) {
    throw new UnsupportedError(`at most ${MAX_VALUES} elements are computed here: fetch the file`, "shape");
  }
  const scheme = SCHEMES[kind];
  const isWide = scheme.wide || dtype === "float64";
  const values = isWide ? new Float64Array(count) : new Float32Array(count);
  if (count > 0) scheme.fill(parameters, { shape, dtype, seed, name })(values, first);
  const rounded = isWide && dtype !== "float64" ? Float32Array.from(values) : values;
  if (!rounded.every(Number.isFinite)) {
    throw new TensorseedError("the values overflow the precision of the draw: choose a smaller scale", "init");
  }
  return encode(rounded, dtype);
}

/** The token of a recipe: `s1.` and base64url of the first 12 bytes of its SHA-256, then itself. @param {string} recipe */
export function tokenOf(recipe) {
  const text = new TextEncoder().encode(recipe);
  const digest = sha256(text);
  let binary = "";
  for (let i = 0; i < 24; i += 2) binary += String.fromCharCode(parseInt(digest.slice(i, i + 2), 16));
  for (const byte of text) binary += String.fromCharCode(byte);
  return `s1.${btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}
