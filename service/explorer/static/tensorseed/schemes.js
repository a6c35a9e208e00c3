// The init schemes: parameters, defaults, checks and distributions, by section 10 of docs/stream-v1.md.

import { decode, encode, largest, overflows } from "./dtypes.js";
import { TensorseedError, UnsupportedError } from "./errors.js";
import * as curves from "./stream/curves.js";
import { normal } from "./stream/normal.js";
import { norms } from "./stream/norms.js";
import { deltaOrthogonal, orthogonal } from "./stream/orthogonal.js";
import { sinusoidal } from "./stream/sinusoidal.js";
import * as structured from "./stream/structured.js";
import * as transformed from "./stream/transformed.js";
import { cutoffBounds, truncatedNormal, truncatedStd } from "./stream/truncated.js";
import { uniform } from "./stream/uniform.js";
import { filler, keyOf } from "./stream/words.js";

const ROOT_2 = Math.SQRT2;
const ROOT_3 = 1.7320508075688772;
const { sqrt } = Math;

const MAX_NORMED = 2 ** 24; // elements of a tensor whose norms are taken

/**
 * @typedef {object} Target what a distribution is asked to fill
 * @property {number[]} shape
 * @property {string} dtype
 * @property {bigint} seed
 * @property {string} name
 *
 * @typedef {(target: Float32Array | Float64Array, first: number) => void} Fill of elements from an index on
 *
 * @typedef {object} Scheme
 * @property {Record<string, any>} parameters - their defaults; undefined where one is required
 * @property {(given: any, shape: number[]) => [string, any]} [canonical] - kind and parameters that mean the same
 * @property {(given: any, target: Target) => Fill} fill
 * @property {boolean} [wide] - whether elements are computed in float64, whatever the dtype
 */

/** A filler of independent draws. @param {any} transforms - by precision @param {Target} target @returns {any} */
function draws(transforms, { dtype, seed, name }) {
  const key = keyOf(seed, name);
  return dtype === "float64"
    ? filler(transforms.float64, Float64Array, key)
    : filler(transforms.float32, Float32Array, key);
}

/** A filler of functions of uniform numbers, in float64. @param {any} transform @param {Target} target @returns {any} */
function mapped(transform, { seed, name }) {
  return filler(transform, Float64Array, keyOf(seed, name));
}

/** @param {number} bound @param {Target} target */
function within(bound, target) {
  return draws(uniform(-bound, bound), target);
}

/** @param {number} mean @param {number} std @param {number} a @param {number} b @param {Target} target */
function truncated(mean, std, a, b, target) {
  const transform = truncatedNormal(mean, std, a, b, target.dtype);
  if (!transform) throw new TensorseedError(`${target.dtype} has no number between a and b`, "a");
  return draws({ float32: transform, float64: transform }, target);
}

/** fan_in and fan_out, as exact integers. @param {number[]} shape */
function fans(shape) {
  if (shape.length < 2) {
    throw new TensorseedError("this init needs at least two dimensions: use normal, uniform or constant", "init");
  }
  const [outputs, inputs, ...spatial] = shape.map(BigInt);
  const positions = spatial.reduce((product, size) => product * size, 1n);
  return { fanIn: inputs * positions, fanOut: outputs * positions };
}

/** @param {number[]} shape @param {string} mode @returns {number} */
function fan(shape, mode) {
  const { fanIn, fanOut } = fans(shape);
  if (mode === "fan_in") return Number(fanIn);
  if (mode === "fan_out") return Number(fanOut);
  if (mode === "fan_avg") return Number(fanIn + fanOut) / 2;
  return sqrt(Number(fanIn * fanOut));
}

const GAINS = {
  linear: 1, conv1d: 1, conv2d: 1, conv3d: 1, conv_transpose1d: 1, conv_transpose2d: 1, conv_transpose3d: 1,
  sigmoid: 1, tanh: 5 / 3, relu: ROOT_2, selu: 3 / 4, leaky_relu: null,
};

/** @param {any} given @param {Target} target */
function kaimingStd({ a, mode, nonlinearity }, { shape }) {
  choice("mode", mode, ["fan_in", "fan_out"]);
  choice("nonlinearity", nonlinearity, Object.keys(GAINS));
  const gain = GAINS[nonlinearity] ?? sqrt(2 / (1 + a * a));
  return gain / sqrt(fan(shape, mode));
}

/** @param {string} kind @returns {(given: any) => [string, any]} */
const kaimingCanonical = (kind) => (given) => [
  kind,
  given.nonlinearity === "leaky_relu" ? given : { ...given, a: 0 },
];

/** @param {any} given @param {Target} target */
function scaled({ scale, mode, distribution, cutoff }, target) {
  choice("mode", mode, ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]);
  choice("distribution", distribution, ["normal", "uniform", "truncated_normal"]);
  between("scale", scale, 0, Number.MAX_VALUE);
  between("cutoff", cutoff, 0.001, 37);
  if (distribution !== "truncated_normal" && cutoff !== 2) {
    throw new TensorseedError("cutoff has a meaning for the distribution truncated_normal alone", "cutoff");
  }
  const variance = scale / fan(target.shape, mode);
  if (distribution === "normal") return draws(normal(0, sqrt(variance)), target);
  if (distribution === "uniform") return within(sqrt(3 * variance), target);
  const std = sqrt(variance) / truncatedStd(cutoff);
  if (std === 0) return structured.constant(0);
  return truncated(0, std, -cutoff * std, cutoff * std, target);
}

/** @param {string} name @param {any} value @param {string[]} known */
function choice(name, value, known) {
  if (!known.includes(value)) throw new TensorseedError(`${name} must be one of ${known.join(", ")}`, name);
}

/** @param {string} name @param {number} value @param {number} low @param {number} high */
function between(name, value, low, high) {
  if (!(value >= low && value <= high)) {
    const bounds = high === Number.MAX_VALUE ? `at least ${low}` : `from ${low} to ${high}`;
    throw new TensorseedError(`${name} must be ${bounds}`, name);
  }
}

/** A number that was written must not grow to infinity, or saturate. @param {string} name @param {number} value @param {string} dtype */
function literal(name, value, dtype) {
  if (!overflows(value, dtype)) return;
  throw new TensorseedError(`${value} is beyond the largest value of ${dtype}, ${largest(dtype)}`, name);
}

/** @param {number[]} shape @param {number} low @param {number} high @param {string} kind */
function rank(shape, low, high, kind) {
  if (shape.length < low || shape.length > high) {
    const range = low === high ? `${low}` : high === Infinity ? `${low} or more` : `${low} to ${high}`;
    throw new TensorseedError(`${kind} fills tensors of ${range} dimensions, and this one has ${shape.length}`, "shape");
  }
}

/** @param {number} a @param {number} b */
function ordered(a, b, strictly = false) {
  if (a > b || (strictly && a === b)) throw new TensorseedError("a must be below b", "a");
}

/** @param {number[]} shape */
const productOf = (shape) => shape.reduce((product, size) => product * size, 1);

/** @type {Record<string, Scheme>} */
export const SCHEMES = {
  zeros: { parameters: {}, fill: () => structured.constant(0) },
  ones: { parameters: {}, fill: () => structured.constant(1) },
  constant: {
    parameters: { value: undefined },
    fill({ value }, { dtype }) {
      literal("value", value, dtype);
      return structured.constant(value);
    },
  },
  logit: {
    parameters: { p: undefined },
    canonical({ p }) {
      if (!(p > 0 && p < 1)) throw new TensorseedError("p must lie between 0 and 1", "p");
      return ["constant", { value: transformed.logitOf(p) }];
    },
    fill: () => structured.constant(0), // of its canonical form, which is a constant
  },
  values: {
    parameters: { data: undefined },
    fill({ data }, { shape, dtype }) {
      checkNesting(data, shape);
      const numbers = [data].flat(Infinity);
      for (const number of numbers) literal("data", number, dtype);
      return structured.literals(numbers);
    },
  },
  uniform: {
    parameters: { a: 0, b: 1 },
    fill({ a, b }, target) {
      ordered(a, b);
      return draws(uniform(a, b), target);
    },
  },
  normal: {
    parameters: { mean: 0, std: 1 },
    fill({ mean, std }, target) {
      between("std", std, 0, Number.MAX_VALUE);
      return draws(normal(mean, std), target);
    },
  },
  trunc_normal: {
    parameters: { mean: 0, std: 1, a: -2, b: 2, cutoff: null },
    canonical({ mean, std, a, b, cutoff }) {
      if (!(std > 0)) throw new TensorseedError("std must be greater than 0", "std");
      if (cutoff !== null) {
        if (!(cutoff > 0)) throw new TensorseedError("cutoff must be greater than 0", "cutoff");
        if (a !== -2 || b !== 2) throw new TensorseedError("cutoff takes the place of a and b: give it alone", "cutoff");
        [a, b] = cutoffBounds(mean, cutoff, std);
      }
      ordered(a, b);
      if (a === Infinity || b === -Infinity) throw new TensorseedError("a and b leave no number", "a");
      if (a === -Infinity && b === Infinity) return ["normal", { mean, std }];
      return ["trunc_normal", { mean, std, a, b, cutoff: null }];
    },
    fill: ({ mean, std, a, b }, target) => truncated(mean, std, a, b, target),
  },
  eye: {
    parameters: { gain: 1 },
    canonical: (given, shape) => (shape.length > 2 ? ["dirac", { groups: 1, ...given }] : ["eye", given]),
    fill({ gain }, { shape, dtype }) {
      rank(shape, 2, 5, "eye");
      literal("gain", gain, dtype);
      return structured.eye(shape, gain);
    },
  },
  dirac: {
    parameters: { groups: 1, gain: 1 },
    fill({ groups, gain }, { shape, dtype }) {
      rank(shape, 3, 5, "dirac");
      literal("gain", gain, dtype);
      if (!(groups >= 1 && shape[0] % groups === 0)) {
        throw new TensorseedError(`groups must divide the ${shape[0]} outputs`, "groups");
      }
      return structured.dirac(shape, groups, gain);
    },
  },
  tril: {
    parameters: { diagonal: 0 },
    canonical({ diagonal }, shape) {
      rank(shape, 2, Infinity, "tril");
      const [rows, columns] = shape.slice(-2);
      return ["tril", { diagonal: Math.min(Math.max(diagonal, -rows), Math.max(columns - 1, 0)) }];
    },
    fill: ({ diagonal }, { shape }) => structured.tril(shape, diagonal),
  },
  bilinear: {
    parameters: {},
    wide: true,
    fill(_, { shape }) {
      rank(shape, 4, 4, "bilinear");
      if (Math.max(shape[0], shape[1]) % Math.min(shape[0], shape[1])) {
        throw new TensorseedError("the smaller number of channels must divide the larger one", "shape");
      }
      return structured.bilinear(shape);
    },
  },
  xavier_uniform: {
    parameters: { gain: 1 },
    fill: ({ gain }, target) => within(ROOT_3 * xavierStd(gain, target), target),
  },
  xavier_normal: {
    parameters: { gain: 1 },
    fill: ({ gain }, target) => draws(normal(0, xavierStd(gain, target)), target),
  },
  kaiming_uniform: {
    parameters: { a: 0, mode: "fan_in", nonlinearity: "leaky_relu" },
    canonical: kaimingCanonical("kaiming_uniform"),
    fill: (given, target) => within(ROOT_3 * kaimingStd(given, target), target),
  },
  kaiming_normal: {
    parameters: { a: 0, mode: "fan_in", nonlinearity: "leaky_relu" },
    canonical: kaimingCanonical("kaiming_normal"),
    fill: (given, target) => draws(normal(0, kaimingStd(given, target)), target),
  },
  variance_scaling: {
    parameters: { scale: 1, mode: "fan_in", distribution: "truncated_normal", cutoff: 2 },
    fill: scaled,
  },
  lecun_uniform: {
    parameters: {},
    fill: (_, target) => scaled({ scale: 1, mode: "fan_in", distribution: "uniform", cutoff: 2 }, target),
  },
  lecun_normal: {
    parameters: {},
    fill: (_, target) => scaled({ scale: 1, mode: "fan_in", distribution: "truncated_normal", cutoff: 2 }, target),
  },
  siren: {
    parameters: { omega: 30, first: false },
    canonical: (given) => ["siren", given.first ? { ...given, omega: 30 } : given],
    fill({ omega, first }, target) {
      if (!(omega > 0)) throw new TensorseedError("omega must be greater than 0", "omega");
      const fanIn = fan(target.shape, "fan_in");
      return within(first ? 1 / fanIn : sqrt(6 / fanIn) / omega, target);
    },
  },
  orthogonal: {
    parameters: { gain: 1 },
    wide: true,
    fill({ gain }, { shape, seed, name }) {
      rank(shape, 2, Infinity, "orthogonal");
      return orthogonal(shape[0], productOf(shape.slice(1)), gain, keyOf(seed, name));
    },
  },
  delta_orthogonal: {
    parameters: { gain: 1 },
    wide: true,
    fill({ gain }, { shape, seed, name }) {
      rank(shape, 3, 5, "delta_orthogonal");
      if (shape[0] < shape[1]) throw new TensorseedError("delta_orthogonal needs as many outputs as inputs, or more", "shape");
      return deltaOrthogonal(shape, gain, keyOf(seed, name));
    },
  },
  sparse: {
    parameters: { sparsity: undefined, std: 0.01 },
    fill({ sparsity, std }, target) {
      rank(target.shape, 2, 2, "sparse");
      between("sparsity", sparsity, 0, 1);
      between("std", std, 0, Number.MAX_VALUE);
      const key = keyOf(target.seed, target.name, "permutation");
      return structured.sparse(draws(normal(0, std), target), target.shape, sparsity, key);
    },
  },
  sinusoidal: {
    parameters: { max_timescale: 10000, layout: "halves", endpoint: true },
    wide: true,
    fill({ max_timescale: timescale, layout, endpoint }, { shape }) {
      rank(shape, 2, 2, "sinusoidal");
      choice("layout", layout, ["halves", "interleaved"]);
      between("max_timescale", timescale, 1, 1e30);
      if (shape[1] % 2) throw new TensorseedError("sinusoidal needs an even number of columns", "shape");
      return sinusoidal(shape[1], timescale, layout, endpoint);
    },
  },
  decay: {
    parameters: { rates: undefined, distance: "past" },
    wide: true,
    fill({ rates, distance }, { shape }) {
      rank(shape, 3, Infinity, "decay");
      choice("distance", distance, ["past", "future", "between"]);
      const [heads, rows, columns] = shape.slice(-3);
      if (!Array.isArray(rates) || rates.length !== heads || !rates.every(Number.isFinite)) {
        throw new TensorseedError(`rates must be a list of ${heads} numbers, one for each head`, "rates");
      }
      for (const rate of rates) between("rates", rate, 0, 1e30);
      return curves.decay(rates, rows, columns, distance);
    },
  },
  power: {
    parameters: { a: 0, b: 1, exponent: 1 },
    wide: true,
    fill({ a, b, exponent }, { shape, dtype }) {
      rank(shape, 1, Infinity, "power");
      between("exponent", exponent, 1e-3, 1e3);
      literal("a", a, dtype);
      literal("b", b, dtype);
      return curves.power(shape[shape.length - 1], a, b, exponent);
    },
  },
  log_uniform: {
    parameters: { a: undefined, b: undefined },
    wide: true,
    fill({ a, b }, target) {
      positive(a, b, 1e-300, 1e300);
      return mapped(transformed.logUniform(a, b), target);
    },
  },
  log_of_uniform: {
    parameters: { a: undefined, b: undefined },
    wide: true,
    fill({ a, b }, target) {
      positive(a, b, 1e-300, 1e300);
      return mapped(transformed.logOfUniform(a, b), target);
    },
  },
  inverse_softplus_log_uniform: {
    parameters: { a: 0.001, b: 0.1, floor: 0.000001 },
    wide: true,
    canonical: (given) => [
      "inverse_softplus_log_uniform",
      given.floor > given.a ? given : { ...given, floor: 0.000001 },
    ],
    fill({ a, b, floor }, target) {
      positive(a, b, 1e-6, 600);
      between("floor", floor, 1e-6, 600);
      return mapped(transformed.inverseSoftplusLogUniform(a, b, floor), target);
    },
  },
  rg_lru: {
    parameters: { a: 0.81, b: 0.998001 },
    wide: true,
    fill({ a, b }, target) {
      positive(a, b, 1e-300, 0.99999);
      return mapped(transformed.realGatedLru(a, b), target);
    },
  },
  weight_norm: {
    parameters: { of: "original1", of_shape: undefined, a: null, b: null, mean: 0, std: null },
    wide: true,
    fill: weightNorm,
  },
};

/** @param {number} gain @param {Target} target */
function xavierStd(gain, { shape }) {
  between("gain", gain, 0, Number.MAX_VALUE);
  const { fanIn, fanOut } = fans(shape);
  return gain * sqrt(2 / Number(fanIn + fanOut));
}

/** @param {number} a @param {number} b @param {number} low @param {number} high */
function positive(a, b, low, high) {
  between("a", a, low, high);
  between("b", b, low, high);
  ordered(a, b, true);
}

/** @param {any} given @param {Target} target @returns {Fill} */
function weightNorm({ of, of_shape: whole, a, b, mean, std }, { shape, dtype, seed, name }) {
  if (!Array.isArray(whole)) throw new TensorseedError("of_shape must be a list of sizes", "of_shape");
  const kept = shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const fits = shape.length === 0 || (shape.length === whole.length && kept.every((axis) => shape[axis] === whole[axis]));
  if (!fits || kept.length > 1) {
    throw new TensorseedError("of_shape is the shape of this tensor, but for its axes of size 1", "of_shape");
  }
  if ((a === null) !== (b === null) || (a === null) === (std === null)) {
    throw new TensorseedError("give a and b of a uniform tensor, or std of a normal one", "std");
  }
  const count = productOf(whole);
  if (count > MAX_NORMED) throw new UnsupportedError("these norms are of too many elements: fetch them", "of_shape");
  const [kind, parameters] = a === null ? ["normal", { mean, std }] : ["uniform", { a, b }];
  const other = name.slice(0, name.lastIndexOf(".") + 1) + of;
  const drawn = new (dtype === "float64" ? Float64Array : Float32Array)(count);
  SCHEMES[kind].fill(parameters, { shape: whole, dtype, seed, name: other })(drawn, 0);
  const elements = /** @type {import("./index.js").Values} */ (decode(encode(drawn, dtype), dtype));
  const [axis] = kept.length ? kept : [0];
  const outer = kept.length ? productOf(whole.slice(0, axis)) : 1;
  const size = kept.length ? whole[axis] : 1;
  return (target, first) => {
    const found = norms(elements, outer, size, count / outer / size);
    for (let i = 0; i < target.length; i++) target[i] = found[first + i];
  };
}

/** @param {any} data @param {number[]} shape */
function checkNesting(data, [size, ...inner]) {
  const isList = Array.isArray(data);
  if (size === undefined ? typeof data !== "number" : !isList || data.length !== size) {
    throw new TensorseedError("data must be a number, or nested lists of numbers, in the tensor's shape", "data");
  }
  if (isList) data.forEach((part) => checkNesting(part, inner));
}
