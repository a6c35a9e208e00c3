// Functions of uniform draws: section 14 of docs/stream-v1.md.

import { log, nearest, rational } from "./exact.js";
import { exp, minus2log } from "./polynomials.js";
import { uniform } from "./uniform.js";

/** log(x/y) of exact float64, the float64 nearest to it. @param {number} x @param {number} y */
export function logOf(x, y = 1) {
  const { top, bottom } = rational(x);
  const { top: over, bottom: under } = rational(y);
  const found = log({ top: top * under, bottom: bottom * over });
  return nearest({ top: found, bottom: 1n << 2048n });
}

/** log(p/(1 − p)) of the exact p, the float64 nearest to it. @param {number} p - between 0 and 1 */
export function logitOf(p) {
  const { top, bottom } = rational(p);
  return nearest({ top: log({ top, bottom: bottom - top }), bottom: 1n << 2048n });
}

/**
 * exp(u), u uniform on [log a, log b), kept within [a, b].
 *
 * @param {number} a @param {number} b - above a, both positive
 */
export function logUniform(a, b) {
  return mapped(logOf(a), logOf(b), step(a, b));
}

/** log(u), u uniform on [a, b). @param {number} a @param {number} b - above a, both positive */
export function logOfUniform(a, b) {
  return mapped(a, b, (u) => minus2log(u) * -0.5);
}

/**
 * y + log(1 − exp(−y)), y as `logUniform`, at least `floor`.
 *
 * @param {number} a @param {number} b @param {number} floor
 */
export function inverseSoftplusLogUniform(a, b, floor) {
  const stepOf = step(a, b);
  return mapped(logOf(a), logOf(b), (u) => {
    const y = stepOf(u);
    return inverseSoftplus(y < floor ? floor : y);
  });
}

/** inverse softplus of −log(u)/2, u uniform on [a, b). @param {number} a @param {number} b */
export function realGatedLru(a, b) {
  return mapped(a, b, (u) => inverseSoftplus(minus2log(u) * -0.5 * -0.5));
}

/** @param {number} a @param {number} b @returns {(u: number) => number} */
function step(a, b) {
  return (u) => {
    const found = exp(u);
    return found < a ? a : found > b ? b : found;
  };
}

/** @param {number} y */
function inverseSoftplus(y) {
  return y + minus2log(1 - exp(-y)) * -0.5;
}

/**
 * A transform of words to float64, whatever the dtype.
 *
 * @param {number} low @param {number} high @param {(u: number) => number} map
 */
function mapped(low, high, map) {
  const draw = uniform(low, high).float64;
  /** @param {Uint32Array} words @param {Float64Array} values */
  return (words, values) => {
    draw(words, values);
    for (let i = 0; i < values.length; i++) values[i] = map(values[i]);
  };
}
