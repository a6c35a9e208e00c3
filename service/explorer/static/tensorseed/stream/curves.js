// Decays and powers of a position: section 17 of docs/stream-v1.md.

import { exp, minus2log } from "./polynomials.js";

const MAX_POWER = 700;

/**
 * exp(−rate·distance), and 0 above the diagonal where the distance is between row and column.
 *
 * @param {number[]} rates - one for each matrix of rows and columns
 * @param {number} rows @param {number} columns
 * @param {string} distance - `past`, `future` or `between`
 * @returns {(target: Float64Array, first: number) => void}
 */
export function decay(rates, rows, columns, distance) {
  return elements((index) => {
    const line = Math.floor(index / columns);
    const row = line % rows;
    const steps = { past: row + 1, future: rows - 1 - row }[distance] ?? row - (index % columns);
    return steps < 0 ? 0 : exp(-Math.min(rates[Math.floor(line / rows) % rates.length] * steps, MAX_POWER));
  });
}

/**
 * a + (b − a)·(i/(size − 1))^exponent for the position i along rows of `size`.
 *
 * @param {number} size @param {number} a @param {number} b @param {number} exponent
 * @returns {(target: Float64Array, first: number) => void}
 */
export function power(size, a, b, exponent) {
  return elements((index) => {
    const i = index % size;
    if (i === 0) return a;
    if (i === size - 1) return b;
    return a + (b - a) * exp(Math.max(exponent * (minus2log(i / (size - 1)) * -0.5), -MAX_POWER));
  });
}

/** @param {(index: number) => number} value @returns {(target: Float64Array, first: number) => void} */
function elements(value) {
  return (target, first) => {
    for (let i = 0; i < target.length; i++) target[i] = value(first + i);
  };
}
