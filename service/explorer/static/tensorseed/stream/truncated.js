// Truncated normal draws by inversion: section 6 of docs/stream-v1.md.

import { neighbour } from "../dtypes.js";
import * as exact from "./exact.js";
import { normal } from "./normal.js";
import { minus2log, minus2log32, poly, poly32 } from "./polynomials.js";
import { wide } from "./uniform.js";

const { fround, sqrt } = Math;
const { ONE } = exact;

/**
 * N(mean, std²) given a ≤ value ≤ b, rounded to values of the dtype within the bounds.
 *
 * @param {number} mean
 * @param {number} std - above 0
 * @param {number} a
 * @param {number} b
 * @param {string} dtype
 * @returns the transform of words, in the dtype's precision of drawing; null where no value lies between the bounds
 */
export function truncatedNormal(mean, std, a, b, dtype) {
  const precision = dtype === "float64" ? "float64" : "float32";
  const low = neighbour(a, dtype, 1);
  const high = neighbour(b, dtype, -1);
  if (low > high) return null;
  const alpha = Number.isFinite(a) ? deviations(a, mean, std) : null;
  const beta = Number.isFinite(b) ? deviations(b, mean, std) : null;
  if ((!alpha && !beta) || (alpha && beyond(alpha, 1)) || (beta && beyond(beta, -1))) {
    return normal(mean, std)[precision];
  }
  if (precision === "float32" && alpha && beta && isNear(alpha, beta)) return near(mean, std, low, high, alpha, beta);
  return precision === "float32"
    ? far32(mean, std, low, high, alpha, beta)
    : far64(mean, std, low, high, alpha, beta);
}

/** (bound − mean)/std, exactly. @param {number} bound @param {number} mean @param {number} std */
function deviations(bound, mean, std) {
  const difference = exact.add(exact.rational(bound), exact.rational(-mean));
  return exact.divide(difference, exact.rational(std));
}

const ZERO = exact.rational(0);
const NEAR = exact.rational(129 / 64);
const FAR = exact.rational(37);

/** @param {exact.Rational} x @returns {exact.Rational} */
const minus = ({ top, bottom }) => ({ top: -top, bottom });

/** Whether a bound lies over 37 deviations on one side. @param {exact.Rational} bound @param {number} sign */
function beyond(bound, sign) {
  return exact.compare(sign > 0 ? bound : minus(bound), FAR) > 0;
}

/** Whether −129/64 ≤ α ≤ 0 ≤ β ≤ 129/64. @param {exact.Rational} alpha @param {exact.Rational} beta */
function isNear(alpha, beta) {
  return (
    exact.compare(minus(NEAR), alpha) <= 0 &&
    exact.compare(alpha, ZERO) <= 0 &&
    exact.compare(ZERO, beta) <= 0 &&
    exact.compare(beta, NEAR) <= 0
  );
}

const NEAR_TOP = Float32Array.of(0.000140766957, 0.0245231553, 0.577989118, 2.31455622, 0.863717555);
const NEAR_BOTTOM = Float32Array.of(2.25638964e-05, 0.00532945221, 0.171874712, 1.06776783, 1);

/** The constants near the mean. @param {exact.Rational} alpha @param {exact.Rational} beta */
export function nearConstants(alpha, beta) {
  const lower = exact.tail(exact.fixed(minus(alpha)));
  const upper = exact.tail(exact.fixed(beta));
  const step = ONE - lower - upper; // times 2³²
  const middle = { top: ((lower - upper) << 32n) + step, bottom: ONE << 33n };
  return {
    step: fround(exact.nearest({ top: step, bottom: ONE << 32n })),
    middle: fround(exact.nearest(middle)),
  };
}

/**
 * @param {number} mean @param {number} std @param {number} low @param {number} high
 * @param {exact.Rational} alpha @param {exact.Rational} beta
 */
function near(mean, std, low, high, alpha, beta) {
  const { step, middle } = nearConstants(alpha, beta);
  const centre = fround(mean);
  const scale = fround(std);
  const [t0, t1, t2, t3, t4] = NEAR_TOP;
  const [b0, b1, b2, b3, b4] = NEAR_BOTTOM;
  /** @param {Uint32Array} words @param {Float32Array} values */
  return (words, values) => {
    for (let i = 0; i < words.length; i++) {
      const d = fround(fround(fround(words[i] | 0) * step) + middle);
      const y = fround(0.25 - fround(d * d));
      let top = fround(fround(t4 * y) + t3);
      top = fround(fround(top * y) + t2);
      top = fround(fround(top * y) + t1);
      top = fround(fround(top * y) + t0);
      let bottom = fround(fround(b4 * y) + b3);
      bottom = fround(fround(bottom * y) + b2);
      bottom = fround(fround(bottom * y) + b1);
      bottom = fround(fround(bottom * y) + b0);
      const z = fround(fround(d * top) / bottom);
      const value = fround(fround(z * scale) + centre);
      values[i] = value < low ? low : value > high ? high : value;
    }
  };
}

/**
 * The constants of intervals that are not near. A bound is null where there is none.
 *
 * @param {exact.Rational | null} alpha @param {exact.Rational | null} beta
 * @param {bigint} words - N, the number of values that a word has
 */
export function farConstants(alpha, beta, words) {
  /** @param {exact.Rational | null} z */
  const tailOf = (z) => (z ? exact.tail(exact.fixed(z)) : 0n);
  const above = alpha !== null && exact.compare(alpha, ZERO) >= 0;
  const below = !above && beta !== null && exact.compare(beta, ZERO) <= 0;
  const mass = above ? tailOf(alpha) : below ? tailOf(beta && minus(beta)) : ONE;
  const lower = above ? 0n : (tailOf(alpha && minus(alpha)) * ONE) / mass;
  const upper = below ? 0n : (tailOf(beta) * ONE) / mass;
  const span = ONE - lower - upper;
  let lowerWords = above ? 0n : words;
  if (!above && !below) {
    lowerWords = span > 0n ? exact.toInteger({ top: (exact.HALF - lower) * words, bottom: span }) : words / 2n;
  }
  /** @param {bigint} start */
  const shifted = (start) => exact.nearest({ top: start * 2n * words + span, bottom: ONE * 2n * words });
  return {
    step: exact.nearest({ top: span, bottom: ONE * words }),
    lower: shifted(lower),
    upper: shifted(upper),
    mass: exact.nearest(exact.unfixed(mass)),
    minusLogMass: mass === ONE ? 0 : -exact.nearest(exact.unfixed(exact.log(exact.unfixed(mass)))),
    lowerWords: Number(lowerWords),
  };
}

const CENTRE_TOP32 = Float32Array.of(2.50662826, -17.8818146, 36.59573992, -16.95051642, -2.87709121);
const CENTRE_BOTTOM32 = Float32Array.of(1, -8.18101134, 20.86395009, -16.02491092);
const TAIL_TOP32 = Float32Array.of(1.42343712, 3.31177152, 2.36831237, 0.66476715, 0.07010944, 0.001978983);
const TAIL_BOTTOM32 = Float32Array.of(1, 1.12686612, 0.39831243, 0.0473452, 0.00139931);

/**
 * @param {number} mean @param {number} std @param {number} low @param {number} high
 * @param {exact.Rational | null} alpha @param {exact.Rational | null} beta
 */
function far32(mean, std, low, high, alpha, beta) {
  const constants = farConstants(alpha, beta, 1n << 32n);
  const [step, lower, upper, mass, minusLogMass, centre, scale, limit, shift] = [
    constants.step, constants.lower, constants.upper, constants.mass, constants.minusLogMass, mean, std, 0.425, 1.6,
  ].map(fround);
  const { lowerWords } = constants;
  /** @param {Uint32Array} words @param {Float32Array} values */
  return (words, values) => {
    for (let i = 0; i < words.length; i++) {
      const word = words[i];
      const isBelow = word < lowerWords;
      const steps = fround(isBelow ? word : 0xffffffff - word);
      const p = fround(fround(steps * step) + (isBelow ? lower : upper));
      const d = fround(0.5 - fround(p * mass));
      let z;
      if (d <= limit) {
        const y = fround(d * d);
        z = fround(fround(d * poly32(y, CENTRE_TOP32)) / poly32(y, CENTRE_BOTTOM32));
      } else {
        const r = fround(sqrt(fround(fround(minus2log32(p) * 0.5) + minusLogMass)));
        const y = fround(r - shift);
        z = fround(poly32(y, TAIL_TOP32) / poly32(y, TAIL_BOTTOM32));
      }
      const value = fround(fround((isBelow ? -z : z) * scale) + centre);
      values[i] = value < low ? low : value > high ? high : value;
    }
  };
}

const CENTRE_TOP = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
  67265.7709270087, 33430.57558358813, 2509.0809287301227,
];
const CENTRE_BOTTOM = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
  28729.085735721943, 5226.495278852854,
];
const MIDDLE_TOP = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
  0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
];
const MIDDLE_BOTTOM = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
  0.0005475938084995345, 1.0507500716444169e-09,
];
const FAR_TOP = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
  0.0012426609473880784, 2.7115555687434876e-05, 2.0103343992922881e-07,
];
const FAR_BOTTOM = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
  1.8463183175100548e-05, 1.421511758316446e-07, 2.0442631033899397e-15,
];

/**
 * @param {number} mean @param {number} std @param {number} low @param {number} high
 * @param {exact.Rational | null} alpha @param {exact.Rational | null} beta
 */
function far64(mean, std, low, high, alpha, beta) {
  const { step, lower, upper, mass, minusLogMass, lowerWords } = farConstants(alpha, beta, 1n << 53n);
  /** @param {Uint32Array} words @param {Float64Array} values */
  return (words, values) => {
    for (let i = 0; i < values.length; i++) {
      const word = wide(words[2 * i], words[2 * i + 1]);
      const isBelow = word < lowerWords;
      const steps = isBelow ? word : Number.MAX_SAFE_INTEGER - word;
      const z = quantile(steps * step + (isBelow ? lower : upper), mass, minusLogMass);
      const value = (isBelow ? -z : z) * std + mean;
      values[i] = value < low ? low : value > high ? high : value;
    }
  };
}

/** The z with 1 − Φ(z) = p·mass (PPND16). @param {number} p @param {number} mass @param {number} minusLogMass */
function quantile(p, mass, minusLogMass) {
  const d = 0.5 - p * mass;
  if (d <= 0.425) {
    const y = 0.180625 - d * d;
    return (d * poly(y, CENTRE_TOP)) / poly(y, CENTRE_BOTTOM);
  }
  const r = sqrt(minus2log(p) * 0.5 + minusLogMass);
  if (r <= 5) return poly(r - 1.6, MIDDLE_TOP) / poly(r - 1.6, MIDDLE_BOTTOM);
  return poly(r - 5, FAR_TOP) / poly(r - 5, FAR_BOTTOM);
}

/**
 * mean ± cutoff·std: the exact sum of the shortest decimals of the parameters, rounded once.
 *
 * @param {number} mean @param {number} cutoff @param {number} std
 * @returns {[number, number]}
 */
export function cutoffBounds(mean, cutoff, std) {
  if (!Number.isFinite(cutoff)) return [-cutoff, cutoff];
  const width = exact.multiply(exact.decimal(cutoff), exact.decimal(std));
  const centre = exact.decimal(mean);
  return [exact.nearest(exact.add(centre, minus(width))), exact.nearest(exact.add(centre, width))];
}

const truncatedStds = new Map([[2, 0.8796256610342398]]);

/**
 * The deviation of a standard normal truncated to ±c: √(1 − 2·c·φ(c)/(1 − 2·tail(c))).
 *
 * @param {number} cutoff - c, from 0.001 to 37
 * @returns {number} the nearest float64
 */
export function truncatedStd(cutoff) {
  const known = truncatedStds.get(cutoff);
  if (known !== undefined) return known;
  const c = exact.fixed(exact.rational(cutoff));
  const share = (2n * c * exact.density(c)) / (ONE - 2n * exact.tail(c));
  const found = exact.nearest(exact.unfixed(exact.root(ONE - share)));
  truncatedStds.set(cutoff, found);
  return found;
}
