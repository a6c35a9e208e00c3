// Functions of single numbers, by the operations of sections 5 and 11 of docs/stream-v1.md.

const { fround } = Math;

/**
 * Horner's scheme in float64: total ← total·y + the coefficient before.
 *
 * @param {number} y
 * @param {readonly number[] | Float64Array} coefficients - from the constant on
 */
export function poly(y, coefficients) {
  let total = coefficients[coefficients.length - 1];
  for (let i = coefficients.length - 2; i >= 0; i--) total = total * y + coefficients[i];
  return total;
}

/** The same in float32. @param {number} y @param {Float32Array} coefficients */
export function poly32(y, coefficients) {
  let total = coefficients[coefficients.length - 1];
  for (let i = coefficients.length - 2; i >= 0; i--) total = fround(fround(total * y) + coefficients[i]);
  return total;
}

const scratch32 = new Float32Array(1);
const bits32 = new Int32Array(scratch32.buffer);

const LOG32 = Float32Array.of(
  -0.6666666, 0.50001645, -0.40002456, 0.33246717, -0.2840346, 0.26320302, -0.25523472, 0.15269531,
);
const LOG_TWO = fround(-1.3862944);

/** −2·log u of a positive normal float32. @param {number} u @returns {number} a float32 */
export function minus2log32(u) {
  scratch32[0] = u;
  const moved = (bits32[0] + 0x004afb0d) | 0;
  const exponent = (moved >>> 23) - 127;
  bits32[0] = (moved & 0x007fffff) + 0x3f3504f3;
  const frac = fround(scratch32[0] - 1);
  const frac2 = fround(frac * frac);
  let total = LOG32[7];
  total = fround(fround(total * frac) + LOG32[6]);
  total = fround(fround(total * frac) + LOG32[5]);
  total = fround(fround(total * frac) + LOG32[4]);
  total = fround(fround(total * frac) + LOG32[3]);
  total = fround(fround(total * frac) + LOG32[2]);
  total = fround(fround(total * frac) + LOG32[1]);
  total = fround(fround(total * frac) + LOG32[0]);
  const series = fround(fround(fround(frac2 * frac) * total) + frac2);
  return fround(fround(series - fround(2 * frac)) + fround(exponent * LOG_TWO));
}

const scratch64 = new Float64Array(1);
const bits64 = new Uint32Array(scratch64.buffer); // the lower word first

const LOG64 = Float64Array.of(
  0.6666666666666666, 0.40000000000000885, 0.2857142857079863, 0.22222222392730404,
  0.18181795541390908, 0.15386244625882073, 0.1326865144000964, 0.13087807915317876,
);
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const HALF_ROOT_UPPER = 0x3fe6a09e; // of 0x3fe6a09e667f3bcd
const HALF_ROOT_LOWER = 0x667f3bcd;

/** −2·log u of a positive normal float64. @param {number} u @returns {number} */
export function minus2log(u) {
  scratch64[0] = u;
  // moved = bits + (0x3ff0000000000000 − HALF_ROOT), a word at a time
  const lower = bits64[0] + (0x100000000 - HALF_ROOT_LOWER);
  const upper = bits64[1] + (0x3ff00000 - HALF_ROOT_UPPER - 1) + (lower >= 0x100000000 ? 1 : 0);
  const exponent = (upper >>> 20) - 1023;
  const rest = (lower >>> 0) + HALF_ROOT_LOWER;
  bits64[0] = rest;
  bits64[1] = (upper & 0x000fffff) + HALF_ROOT_UPPER + (rest >= 0x100000000 ? 1 : 0);
  const frac = scratch64[0] - 1;
  const ratio = frac / (frac + 2);
  const series = poly(ratio * ratio, LOG64) * (ratio * ratio);
  const half = frac * frac * 0.5;
  return (exponent * LN2_HIGH - (half - (ratio * (half + series) + exponent * LN2_LOW) - frac)) * -2;
}

const EXP = new Float64Array(14).fill(1); // 1/i!, the quotient rounded
for (let i = 1, factorial = 1; i < 14; i++) EXP[i] = 1 / (factorial *= i);
const PER_LN2 = 1.4426950408889634;

/** The nearest integer, ties to even, of a number below 2⁵¹. @param {number} x */
export function rint(x) {
  return x + 1.5 * 2 ** 52 - 1.5 * 2 ** 52;
}

/** eˣ, of a magnitude below 10³⁰⁸. @param {number} x */
export function exp(x) {
  const twos = rint(x * PER_LN2);
  const rest = x - twos * LN2_HIGH - twos * LN2_LOW;
  return poly(rest, EXP) * 2 ** twos;
}

const SIN32 = Float32Array.of(0.7853982, -0.080745436, 0.002490007, -3.595451e-05);
const COS32 = Float32Array.of(-0.30842513, 0.015854338, -0.0003259614, 3.5419669e-06);
const SIN = Float64Array.of(
  0.7853981633974483, -0.08074551218828054, 0.002490394570188846, -3.657620415892401e-05,
  3.1336162256283947e-07, -1.7571500920170895e-09, 6.877366341172901e-12,
);
const COS = Float64Array.of(
  -0.30842513753404244, 0.015854344243815488, -0.0003259918869271997, 3.5908604474490545e-06,
  -2.4611366239161373e-08, 1.1500679776576358e-10, -3.863159467645216e-13,
);

/** sin(πx/4), x a float32 in (0, 1]. @param {number} x */
export function sine32(x) {
  const x2 = fround(x * x);
  let total = SIN32[3];
  total = fround(fround(total * x2) + SIN32[2]);
  total = fround(fround(total * x2) + SIN32[1]);
  total = fround(fround(total * x2) + SIN32[0]);
  return fround(total * x);
}

/** cos(πx/4), x a float32 in (0, 1]. @param {number} x */
export function cosine32(x) {
  const x2 = fround(x * x);
  let total = COS32[3];
  total = fround(fround(total * x2) + COS32[2]);
  total = fround(fround(total * x2) + COS32[1]);
  total = fround(fround(total * x2) + COS32[0]);
  return fround(fround(total * x2) + 1);
}

/** sin(πx/4). @param {number} x */
export function sine(x) {
  return poly(x * x, SIN) * x;
}

/** cos(πx/4). @param {number} x */
export function cosine(x) {
  return poly(x * x, COS) * (x * x) + 1;
}
