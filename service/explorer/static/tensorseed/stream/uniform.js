// Uniform draws: section 4 of docs/stream-v1.md.

const { fround } = Math;

/**
 * U[a, b): value = u·scale + low, then high if above it; u of 24 bits (float32) or 53 (float64).
 *
 * @param {number} a
 * @param {number} b
 */
export function uniform(a, b) {
  return { float32: float32(a, b), float64: float64(a, b) };
}

/** @param {number} a @param {number} b */
function float32(a, b) {
  const low = fround(a);
  const scale = fround(b - a);
  const high = fround(b);
  /** @param {Uint32Array} words @param {Float32Array} values */
  return (words, values) => {
    for (let i = 0; i < words.length; i++) {
      const value = fround(fround(fround((words[i] >>> 8) * 2 ** -24) * scale) + low);
      values[i] = value > high ? high : value;
    }
  };
}

/** @param {number} a @param {number} b */
function float64(a, b) {
  const scale = b - a;
  /** @param {Uint32Array} words @param {Float64Array} values */
  return (words, values) => {
    for (let i = 0; i < values.length; i++) {
      const value = wide(words[2 * i], words[2 * i + 1]) * 2 ** -53 * scale + a;
      values[i] = value > b ? b : value;
    }
  };
}

/** The first 53 bits of two words: (w << 21) | (w' >> 11). @param {number} first @param {number} second */
export function wide(first, second) {
  return first * 2 ** 21 + (second >>> 11);
}
