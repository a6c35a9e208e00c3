// Sinusoids of positions: section 11 of docs/stream-v1.md.

import { cosine, exp, rint, sine } from "./polynomials.js";
import { logOf } from "./transformed.js";

const PER_QUARTER = 0.6366197723675814;
const QUARTER1 = 1.5707963267341256;
const QUARTER2 = 6.077100506303966e-11;
const QUARTER3 = 2.0222662487959506e-21;
const PER_OCTANT = 1.2732395447351628;

/**
 * sin and cos of position·max_timescale^(−i/intervals), in float64.
 *
 * @param {number} columns - even: two for each wave
 * @param {number} maxTimescale
 * @param {string} layout - `halves` or `interleaved`
 * @param {boolean} endpoint
 * @returns {(target: Float64Array, first: number) => void}
 */
export function sinusoidal(columns, maxTimescale, layout, endpoint) {
  const waves = columns / 2;
  const logStep = logOf(maxTimescale) / (endpoint ? waves - 1 || 1 : waves);
  const frequencies = Float64Array.from({ length: waves }, (_, i) => exp(-(i * logStep)));
  return (target, first) => {
    for (let i = 0; i < target.length; i++) {
      const column = (first + i) % columns;
      const position = Math.floor((first + i) / columns);
      const halves = layout === "halves";
      const phase = halves ? +(column >= waves) : column % 2;
      target[i] = value(position * frequencies[halves ? column % waves : column >> 1], phase);
    }
  };
}

/** sin(angle) in phase 0, cos(angle) in phase 1. @param {number} angle @param {number} phase */
function value(angle, phase) {
  const quarters = rint(angle * PER_QUARTER);
  const turn = angle - quarters * QUARTER1 - quarters * QUARTER2 - quarters * QUARTER3;
  const x = turn * PER_OCTANT;
  const turns = (((quarters + phase) % 4) + 4) % 4;
  const found = turns % 2 ? cosine(x) : sine(x);
  return turns >= 2 ? -found : found;
}
