// What a tensor is: the query of `GET /v1/weights`, checked, and its canonical recipe by docs/file-v1.md.

import { DTYPES } from "./dtypes.js";
import { TensorseedError, UnsupportedError } from "./errors.js";
import { SCHEMES } from "./schemes.js";

/** @typedef {import("./index.js").Query} Query */

const ALIASES = {
  glorot_uniform: "xavier_uniform",
  glorot_normal: "xavier_normal",
  he_uniform: "kaiming_uniform",
  he_normal: "kaiming_normal",
};
const OWN = ["shape", "init", "seed", "dtype", "name"];
const OF_THE_SERVICE = ["generator", "device", "torch_version", "torch_kernels", "fan_axes", "padding_idx"];
const UNBOUNDED = ["a", "b", "cutoff"]; // parameters that may be infinite
const INTEGERS = ["groups", "diagonal"];
const MAX_AXES = 64;
const MAX_NAME = 1024;
const MAX_SEED = 2n ** 64n;

/**
 * @typedef {object} Entry one tensor, in the canonical form of what means the same
 * @property {number[]} shape
 * @property {import("./index.js").DType} dtype
 * @property {bigint} seed
 * @property {string} name
 * @property {string} kind
 * @property {Record<string, any>} parameters - all of the scheme
 */

/**
 * The tensor that a query describes.
 *
 * @param {Query | URLSearchParams | string} query - `init=normal&shape=2,3`, or an object of the same members
 * @returns {Entry}
 * @throws {TensorseedError} where it is not valid; {UnsupportedError} where only the service computes it
 */
export function entryOf(query) {
  const given = membersOf(query);
  const { init } = given;
  if (init === undefined) throw new TensorseedError("init is required, such as xavier_uniform", "init");
  const { kind: spelled, ...own } = typeof init === "object" ? init : { kind: init };
  const kind = ALIASES[spelled] ?? spelled;
  for (const name of OF_THE_SERVICE) {
    if (given[name] !== undefined && !(name === "generator" && given[name] === "philox")) {
      throw new UnsupportedError(`${name} is computed by the service alone`, name);
    }
  }
  if (!Object.hasOwn(SCHEMES, kind)) {
    if (kind === "parts") throw new UnsupportedError("parts are computed by the service alone", "init");
    throw new TensorseedError(`init must be one of ${Object.keys(SCHEMES).join(", ")}`, "init");
  }
  const rest = Object.entries(given).filter(([name]) => ![...OWN, ...OF_THE_SERVICE].includes(name));
  const dtype = dtypeIn(given.dtype ?? "float32");
  const shape = shapeIn(given.shape);
  const parameters = parametersOf(kind, { ...own, ...Object.fromEntries(rest) });
  const [canonical, found] = SCHEMES[kind].canonical?.(parameters, shape) ?? [kind, parameters];
  const seed = seedIn(given.seed ?? 0);
  const name = nameIn(given.name ?? "weight");
  return { shape, dtype, seed, name, kind: canonical, parameters: found };
}

/** @param {Query | URLSearchParams | string} query @returns {Record<string, any>} */
function membersOf(query) {
  if (typeof query === "object" && !(query instanceof URLSearchParams)) return { ...query };
  const params = new URLSearchParams(query);
  /** @type {Record<string, any>} */
  const found = {};
  for (const [name, text] of params) {
    if (name in found) throw new TensorseedError(`${name} stands twice in the query`, name);
    found[name] = OWN.includes(name) ? text : valueOf(text);
  }
  return found;
}

/** A JSON number, boolean or list; any other text stands for itself. @param {string} text */
function valueOf(text) {
  if (!/^(-?[0-9]|\[|true$|false$)/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {string} dtype @returns {import("./index.js").DType} */
function dtypeIn(dtype) {
  const known = Object.keys(DTYPES).filter((name) => name.includes("float"));
  if (!known.includes(dtype)) throw new TensorseedError(`dtype must be one of ${known.join(", ")}`, "dtype");
  return /** @type {import("./index.js").DType} */ (dtype);
}

/** @param {number[] | string | undefined} shape @returns {number[]} */
function shapeIn(shape) {
  if (shape === undefined) throw new TensorseedError("shape is required, such as 256,784", "shape");
  const texts = Array.isArray(shape) ? shape.map(String) : String(shape).split(",");
  const parts = texts.length === 1 && texts[0] === "" ? [] : texts;
  if (!parts.every((part) => /^(0|[1-9][0-9]{0,15})$/.test(part)) || parts.length > MAX_AXES) {
    throw new TensorseedError("shape must be integers with commas between them, such as 256,784", "shape");
  }
  return parts.map(Number);
}

/** @param {number | bigint | string} seed @returns {bigint} */
function seedIn(seed) {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new TensorseedError("a seed beyond 2⁵³ must be a string or a BigInt", "seed");
  }
  if (!/^[0-9]{1,20}$/.test(String(seed)) || BigInt(seed) >= MAX_SEED) {
    throw new TensorseedError("seed must be an integer from 0 to 2⁶⁴ − 1", "seed");
  }
  return BigInt(seed);
}

/** @param {string} name */
function nameIn(name) {
  const length = [...name].length;
  const isText = !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Surrogate}/u.test(name);
  if (length < 1 || length > MAX_NAME || !isText || name === "__metadata__") {
    throw new TensorseedError("name must be text of 1 to 1,024 characters without control characters", "name");
  }
  if (/[{}]/.test(name)) throw new UnsupportedError("a name with a range stands for several tensors", "name");
  return name;
}

/** All parameters of a scheme, those that are not given by their defaults. @param {string} kind @param {any} given */
function parametersOf(kind, given) {
  const defaults = SCHEMES[kind].parameters;
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(defaults, name)) continue;
    const known = [...OWN, ...Object.keys(defaults)].join(", ");
    throw new TensorseedError(`${kind} has no parameter ${name}: there are ${known}`, name);
  }
  const found = { ...defaults };
  for (const [name, byDefault] of Object.entries(defaults)) {
    if (given[name] === undefined || given[name] === null) {
      if (byDefault === undefined) throw new TensorseedError(`${kind} needs ${name}`, name);
    } else {
      found[name] = typed(name, given[name], byDefault, kind === "trunc_normal");
    }
  }
  return found;
}

/** @param {string} name @param {any} value @param {any} byDefault @param {boolean} mayBeInfinite */
function typed(name, value, byDefault, mayBeInfinite) {
  if (["data", "of_shape", "rates"].includes(name)) return value;
  if (mayBeInfinite && UNBOUNDED.includes(name) && /^[+-]?inf(inity)?$/i.test(value)) {
    return String(value).startsWith("-") ? -Infinity : Infinity;
  }
  const type = typeof byDefault === "boolean" || typeof byDefault === "string" ? typeof byDefault : "number";
  const isFinite = type !== "number" || Number.isFinite(value);
  if (typeof value !== type || !isFinite || (INTEGERS.includes(name) && !Number.isSafeInteger(value))) {
    const wanted = INTEGERS.includes(name) ? "an integer" : { number: "a number", boolean: "true or false", string: "text" }[type];
    throw new TensorseedError(`${name} must be ${wanted}`, name);
  }
  return value;
}

/**
 * The canonical recipe of a spec of one tensor (section 3 of file v1).
 *
 * @param {Entry} entry
 * @returns {string} JSON with sorted keys
 */
export function recipeOf({ shape, dtype, seed, name, kind, parameters }) {
  const named = dtype === "float32" ? "" : `"dtype":"${dtype}",`;
  const init = initText(kind, parameters);
  const entry = `${named}"init":${init},"name":${quoted(name)},"shape":[${shape}],"type":"Tensor"`;
  return `{"layers":[{${entry}}],"seed":"${seed}"}`;
}

/** A name, or an object of the parameters that differ from their defaults. @param {string} kind @param {any} parameters */
function initText(kind, parameters) {
  const { parameters: defaults } = SCHEMES[kind];
  const members = Object.keys(defaults).filter((name) => !Object.is(parameters[name], defaults[name]));
  if (members.length === 0) return `"${kind}"`;
  const texts = [...members, "kind"].sort().map((name) => {
    if (name === "kind") return `"kind":"${kind}"`;
    return `"${name}":${valueText(parameters[name])}`;
  });
  return `{${texts.join(",")}}`;
}

/** @param {any} value @returns {string} */
function valueText(value) {
  if (Array.isArray(value)) return `[${value.map(valueText).join(",")}]`;
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "number") return String(value);
  return Number.isFinite(value) ? numberText(value) : `"${value}"`;
}

/** A string of JSON that holds no control characters. @param {string} text */
export function quoted(text) {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * A float64 in the fewest characters that file v1 allows (section 5).
 *
 * @param {number} value
 */
export function numberText(value) {
  if (Object.is(value, -0)) return "-0.0";
  if (value === 0) return "0";
  const [mantissa, exponent] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const point = Number(exponent) + 1;
  let text;
  if (point > 16 || point <= -4) {
    const power = String(Math.abs(point - 1)).padStart(2, "0");
    text = `${mantissa}e${point > 0 ? "+" : "-"}${power}`;
  } else if (point <= 0) {
    text = `0.${"0".repeat(-point)}${digits}`;
  } else {
    text = `${digits.slice(0, point).padEnd(point, "0")}.${digits.slice(point) || "0"}`;
  }
  if (Number.isInteger(value)) {
    const whole = BigInt(Math.abs(value)).toString();
    if (whole.length <= text.length) text = whole;
  }
  return value < 0 ? `-${text}` : text;
}
