// Fills that draw nothing, and sparse matrices: sections 7 and 8 of docs/stream-v1.md.

import { upperProduct, wordsOf } from "./words.js";

/** @typedef {Float32Array | Float64Array} Values */

/** One number. @param {number} value @returns {(target: Values) => void} */
export function constant(value) {
  return (target) => {
    target.fill(value);
  };
}

/** Numbers of a list, in the order of the row-major tensor. @param {number[]} data */
export function literals(data) {
  return (/** @type {Values} */ target, /** @type {number} */ first) => {
    for (let i = 0; i < target.length; i++) target[i] = data[first + i];
  };
}

/** gain where the row equals the column, else 0. @param {number[]} shape @param {number} gain */
export function eye([, columns], gain) {
  return elements((index) => (Math.floor(index / columns) === index % columns ? gain : 0));
}

/**
 * gain at the centre of the kernel where output mod (outputs div groups) = input, else 0.
 *
 * @param {number[]} shape - outputs, inputs, spatial sizes
 * @param {number} groups - divides outputs
 * @param {number} gain
 */
export function dirac(shape, groups, gain) {
  const [outputs, inputs, ...spatial] = shape;
  const positions = spatial.reduce((product, size) => product * size, 1);
  const centre = spatial.reduce((index, size) => index * size + Math.floor(size / 2), 0);
  return elements((index) => {
    const channel = Math.floor(index / positions);
    const output = Math.floor(channel / inputs) % (outputs / groups);
    return index % positions === centre && output === channel % inputs ? gain : 0;
  });
}

/** 1 where column ≤ row + diagonal of the last two axes, else 0. @param {number[]} shape @param {number} diagonal */
export function tril(shape, diagonal) {
  const [rows, columns] = shape.slice(-2);
  return elements((index) => +(index % columns <= (Math.floor(index / columns) % rows) + diagonal));
}

/**
 * Bilinear interpolation: the product of two tents where both channels are the same modulo the smaller number.
 *
 * @param {number[]} shape - outputs, inputs, rows, columns
 */
export function bilinear([outputs, inputs, rows, columns]) {
  const channels = Math.min(outputs, inputs);
  const across = Float64Array.from({ length: columns }, (_, t) => tent(t, columns));
  const down = Float64Array.from({ length: rows }, (_, t) => tent(t, rows));
  const area = rows * columns;
  return elements((index) => {
    const channel = Math.floor(index / area);
    if (Math.floor(channel / inputs) % channels !== (channel % inputs) % channels) return 0;
    return down[Math.floor((index % area) / columns)] * across[index % columns];
  });
}

/** 1 − |t − (size − 1)/2|/((size + 1) div 2). @param {number} t @param {number} size */
function tent(t, size) {
  return 1 - Math.abs(t - (size - 1) / 2) / Math.floor((size + 1) / 2);
}

/** @param {(index: number) => number} valueAt @returns {(target: Values, first: number) => void} */
function elements(valueAt) {
  return (target, first) => {
    for (let i = 0; i < target.length; i++) target[i] = valueAt(first + i);
  };
}

/**
 * Replaces ⌈sparsity·rows⌉ elements of every column by +0.
 *
 * @param {(target: Values, first: number) => void} draw - of normal values
 * @param {number[]} shape - rows, columns
 * @param {number} sparsity
 * @param {Uint32Array} key - of the purpose `permutation`
 */
export function sparse(draw, [rows, columns], sparsity, key) {
  const zeros = Math.ceil(sparsity * rows);
  return (/** @type {Values} */ target, /** @type {number} */ first) => {
    draw(target, first);
    for (let i = 0; i < target.length; i++) {
      const index = first + i;
      if (place(Math.floor(index / columns), rows, wordsOf(key, index % columns)) < zeros) target[i] = 0;
    }
  };
}

const ROUNDS = 16;
const GOLDEN = 0x9e3779b9;

/** The place of a row after a swap-or-not shuffle. @param {number} row @param {number} rows @param {Uint32Array} words */
export function place(row, rows, [w0, w1, w2]) {
  let found = (row + upperProduct(w2, rows)) % rows;
  for (let i = 0; i < ROUNDS; i++) {
    const sum = upperProduct(mix(w0 + Math.imul(i, GOLDEN)), rows);
    const hashKey = mix(w1 + Math.imul(i, GOLDEN));
    const partner = (sum - found + rows) % rows;
    if (mix(Math.max(found, partner) ^ hashKey) >= 0x80000000) found = partner;
  }
  return found;
}

/** lowbias32. @param {number} word @returns {number} a word */
function mix(word) {
  word = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
  return (word ^ (word >>> 16)) >>> 0;
}
