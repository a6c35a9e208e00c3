// Normal draws by Box and Muller: section 5 of docs/stream-v1.md.

import { cosine, cosine32, minus2log, minus2log32, sine, sine32 } from "./polynomials.js";
import { wide } from "./uniform.js";

const { fround, sqrt } = Math;

/**
 * N(mean, std²): a pair of values has the radius √(−2·log u) and an angle.
 *
 * @param {number} mean
 * @param {number} std
 */
export function normal(mean, std) {
  return { float32: float32(fround(mean), fround(std)), float64: float64(mean, std) };
}

/** Two words make two elements. @param {number} mean @param {number} std */
function float32(mean, std) {
  /** @param {Uint32Array} words @param {Float32Array} values */
  return (words, values) => {
    for (let i = 0; i < words.length; i += 2) {
      const angle = words[i + 1];
      const u = fround(fround(fround(words[i]) * 2 ** -32) + 2 ** -33);
      const radius = fround(sqrt(minus2log32(u)));
      const x = fround(fround(fround(angle & 0x1fffffff) * 2 ** -29) + 2 ** -30);
      const sin = sine32(x);
      const cos = cosine32(x);
      const swapped = angle & 0x20000000;
      const first = swapped ? sin : cos;
      const second = swapped ? cos : sin;
      const one = fround(radius * (angle & 0x80000000 ? -first : first));
      const other = fround(radius * (angle & 0x40000000 ? -second : second));
      values[i] = fround(fround(one * std) + mean);
      values[i + 1] = fround(fround(other * std) + mean);
    }
  };
}

/** Four words make two elements. @param {number} mean @param {number} std */
function float64(mean, std) {
  /** @param {Uint32Array} words @param {Float64Array} values */
  return (words, values) => {
    for (let i = 0; i < words.length; i += 4) {
      const angle = words[i + 2];
      const radius = sqrt(minus2log(wide(words[i], words[i + 1]) * 2 ** -53 + 2 ** -54));
      const x = ((angle & 0x1fffffff) * 2 ** 24 + (words[i + 3] >>> 8)) * 2 ** -53 + 2 ** -54;
      const swapped = angle & 0x20000000;
      const first = swapped ? sine(x) : cosine(x);
      const second = swapped ? cosine(x) : sine(x);
      values[i / 2] = radius * (angle & 0x80000000 ? -first : first) * std + mean;
      values[i / 2 + 1] = radius * (angle & 0x40000000 ? -second : second) * std + mean;
    }
  };
}
