// Files of tensors: reading, and writing as docs/file-v1.md says.

import { decode, DTYPES, dtypeOf } from "./dtypes.js";
import { TensorseedError } from "./errors.js";
import { quoted } from "./query.js";

const MAX_HEADER = 100_000_000; // bytes, the limit of the reference reader

/**
 * @typedef {object} Header
 * @property {number} length - bytes before the first tensor
 * @property {Record<string, string>} metadata
 * @property {Map<string, { dtype: import("./index.js").FileDType, shape: number[], start: number, stop: number }>} tensors
 *   offsets count from the first byte of the file
 */

/** The bytes that a header has, from the first eight of a file. @param {Uint8Array} bytes @returns {number} */
export function headerLength(bytes) {
  if (bytes.length < 8) throw new TensorseedError("this is no safetensors file: it has fewer than eight bytes");
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) throw new TensorseedError("this is no safetensors file: its header is too long");
  return 8 + Number(length);
}

/**
 * The header of a file.
 *
 * @param {Uint8Array} bytes - the file, or its beginning
 * @param {number} [size] - bytes of the whole file, to check offsets against
 * @returns {Header}
 */
export function readHeader(bytes, size) {
  const length = headerLength(bytes);
  if (bytes.length < length) throw new TensorseedError("the file is cut off in its header");
  /** @type {Record<string, any>} */
  let members;
  try {
    members = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, length)));
  } catch {
    throw new TensorseedError("this is no safetensors file: its header is not JSON");
  }
  const { __metadata__: metadata = {}, ...entries } = members ?? {};
  const tensors = new Map();
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype: tag, shape, data_offsets: offsets } = entry ?? {};
    if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
      throw new TensorseedError(`the header's entry of ${name} is not that of a tensor`);
    }
    const dtype = dtypeOf(tag);
    const count = shape.reduce((product, length) => product * length, 1);
    if (offsets[1] - offsets[0] !== count * DTYPES[dtype].bytes) {
      throw new TensorseedError(`the shape and the offsets of ${name} do not agree`);
    }
    if (size !== undefined && length + offsets[1] > size) throw new TensorseedError(`the file is cut off in ${name}`);
    tensors.set(name, { dtype, shape, start: length + offsets[0], stop: length + offsets[1] });
  }
  return { length, metadata, tensors };
}

/** @param {any} value */
function isSizes(value) {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/**
 * The tensors of a file.
 *
 * @param {ArrayBuffer | Uint8Array} file
 * @returns {{ metadata: Record<string, string>, tensors: Map<string, import("./index.js").Tensor> }}
 *   data that shares the file's memory where the dtype has a typed array
 */
export function parse(file) {
  const bytes = file instanceof Uint8Array ? file : new Uint8Array(file);
  const { metadata, tensors } = readHeader(bytes, bytes.length);
  const found = new Map();
  for (const [name, { dtype, shape, start, stop }] of tensors) {
    found.set(name, { dtype, shape, data: decode(bytes.subarray(start, stop), dtype) });
  }
  return { metadata, tensors: found };
}

/**
 * The header of a file of one tensor.
 *
 * @param {string} name @param {string} dtype @param {number[]} shape @param {string} recipe
 * @returns {Uint8Array}
 */
export function headerOf(name, dtype, shape, recipe) {
  const { tag, bytes } = DTYPES[dtype];
  const size = shape.reduce((product, length) => product * length, bytes);
  const metadata = `{"format":"pt","tensorseed.stream":"1","tensorseed.recipe":${quoted(recipe)}}`;
  const tensor = `{"dtype":"${tag}","shape":[${shape}],"data_offsets":[0,${size}]}`;
  const text = new TextEncoder().encode(`{"__metadata__":${metadata},${quoted(name)}:${tensor}}`);
  const padded = 8 * Math.ceil(text.length / 8);
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, 8);
  return header;
}
