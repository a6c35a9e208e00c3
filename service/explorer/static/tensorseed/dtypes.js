// The dtypes of file v1: their codes, and the numbers that these stand for.

import { TensorseedError } from "./errors.js";

if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
  throw new TensorseedError("tensorseed needs a little-endian machine");
}

/**
 * A dtype by torch's name: its name in a file, bytes of an element, rank in the file, and the typed array
 * that holds it. `fraction`, `bias` and `infinity` describe the floats below 32 bits: bits of the fraction,
 * bias of the exponent, code of infinity. float8_e4m3fn has none, and stays at its largest number.
 */
export const DTYPES = {
  int64: { tag: "I64", bytes: 8, rank: 1, array: BigInt64Array },
  float64: { tag: "F64", bytes: 8, rank: 2, array: Float64Array },
  float32: { tag: "F32", bytes: 4, rank: 3, array: Float32Array },
  int32: { tag: "I32", bytes: 4, rank: 4, array: Int32Array },
  bfloat16: { tag: "BF16", bytes: 2, rank: 5, array: Uint16Array, fraction: 7, bias: 127, infinity: 0x7f80 },
  float16: { tag: "F16", bytes: 2, rank: 6, array: Uint16Array, fraction: 10, bias: 15, infinity: 0x7c00 },
  float8_e4m3fn: { tag: "F8_E4M3", bytes: 1, rank: 7, array: Uint8Array, fraction: 3, bias: 7, infinity: 0x7e },
  float8_e5m2: { tag: "F8_E5M2", bytes: 1, rank: 8, array: Uint8Array, fraction: 2, bias: 15, infinity: 0x7c },
  int8: { tag: "I8", bytes: 1, rank: 9, array: Int8Array },
  uint8: { tag: "U8", bytes: 1, rank: 10, array: Uint8Array },
  bool: { tag: "BOOL", bytes: 1, rank: 11, array: Uint8Array },
};

/** @type {Map<string, Float32Array>} the number of every code, by dtype */
const tables = new Map();

/** The dtype with this name in a file. @param {string} tag @returns {import("./index.js").FileDType} */
export function dtypeOf(tag) {
  const found = Object.entries(DTYPES).find(([, dtype]) => dtype.tag === tag);
  if (!found) throw new TensorseedError(`the file holds the dtype ${tag}, which this package does not read`);
  return /** @type {import("./index.js").FileDType} */ (found[0]);
}

/**
 * Numbers rounded to a dtype, to nearest, ties to even, subnormals kept.
 *
 * @param {Float32Array | Float64Array} values - in the precision of the draw
 * @param {string} dtype
 * @returns {Uint8Array} little-endian
 */
export function encode(values, dtype) {
  const { array, fraction, bias, infinity } = DTYPES[dtype];
  if (fraction === undefined) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const codes = new array(values.length);
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const sign = array === Uint8Array ? 24 : 16; // how far the sign moves down
  const shift = 23 - fraction;
  const half = (1 << (shift - 1)) - 1;
  const rebias = (127 - bias) << fraction;
  const least = (128 - bias) << 23; // the bits of the least normal number
  const scale = 2 ** (bias - 1 + fraction); // of a subnormal number, to its code
  for (let i = 0; i < codes.length; i++) {
    const magnitude = bits[i] & 0x7fffffff;
    let code;
    if (magnitude >= least) {
      code = ((magnitude + half + ((magnitude >>> shift) & 1)) >>> shift) - rebias;
      if (code > infinity) code = infinity;
    } else {
      code = Math.abs(values[i]) * scale + 2 ** 52 - 2 ** 52;
    }
    codes[i] = code | ((bits[i] >>> sign) & (0x80000000 >>> sign));
  }
  return new Uint8Array(codes.buffer);
}

/**
 * The numbers of some bytes. A dtype with a typed array shares their memory where they are aligned.
 *
 * @param {Uint8Array} bytes - little-endian
 * @param {string} dtype
 * @returns {Float32Array | Float64Array | BigInt64Array | Int32Array | Int8Array | Uint8Array}
 *   Float32Array for the floats below 32 bits, Uint8Array of 0 and 1 for bool
 */
export function decode(bytes, dtype) {
  const { array, bytes: size, fraction } = DTYPES[dtype];
  if (bytes.length % size) throw new TensorseedError(`${bytes.length} bytes are no whole number of ${dtype}`);
  const aligned = bytes.byteOffset % size ? bytes.slice() : bytes;
  const codes = new array(aligned.buffer, aligned.byteOffset, bytes.length / size);
  if (fraction === undefined) return codes;
  const table = tableOf(dtype);
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = table[codes[i]];
  return values;
}

/** The number of every code of a float below 32 bits. @param {string} dtype @returns {Float32Array} */
function tableOf(dtype) {
  const known = tables.get(dtype);
  if (known) return known;
  const { bytes, fraction, bias, infinity } = DTYPES[dtype];
  const half = 1 << (8 * bytes - 1);
  const table = new Float32Array(2 * half);
  for (let code = 0; code < half; code++) {
    const exponent = code >>> fraction;
    const rest = code & ((1 << fraction) - 1);
    let value = exponent ? (1 + rest / 2 ** fraction) * 2 ** (exponent - bias) : rest * 2 ** (1 - bias - fraction);
    if (dtype === "float8_e4m3fn") value = code > infinity ? NaN : value;
    else if (code >= infinity) value = code === infinity ? Infinity : NaN;
    table[code] = value;
    table[half + code] = -value;
  }
  tables.set(dtype, table);
  return table;
}

/**
 * The value of a dtype next to a number: the smallest finite one not below it, or the largest not above it.
 *
 * @param {number} value - infinite where there is no bound
 * @param {string} dtype - a float
 * @param {1 | -1} direction - 1 for the smallest one not below, −1 for the largest one not above
 * @returns {number} ±Infinity where there is none
 */
export function neighbour(value, dtype, direction) {
  if (value === -direction * Infinity) return -direction * largest(dtype);
  const rounded = dtype === "float64" ? value : Number(decode(encode(Float32Array.of(value), dtype), dtype)[0]);
  let found = Number.isFinite(rounded) ? rounded : Math.sign(rounded) * largest(dtype);
  if (direction * found < direction * value) found = next(found, dtype, direction);
  return found + 0;
}

/** The largest finite number of a float. @param {string} dtype @returns {number} */
export function largest(dtype) {
  if (dtype === "float64") return Number.MAX_VALUE;
  if (dtype === "float32") return (2 - 2 ** -23) * 2 ** 127;
  const { infinity } = DTYPES[dtype];
  return tableOf(dtype)[dtype === "float8_e4m3fn" ? infinity : infinity - 1];
}

/** Whether a number, rounded, is beyond the largest one of a float. @param {number} value @param {string} dtype */
export function overflows(value, dtype) {
  if (dtype === "float64") return false;
  if (dtype === "float8_e4m3fn") return Math.abs(Math.fround(value)) > 464; // a tie goes to 448, which is even
  return !Number.isFinite(decode(encode(Float32Array.of(value), dtype), dtype)[0]);
}

/** The next value upwards (1) or downwards (−1). @param {number} value @param {string} dtype @param {number} direction */
function next(value, dtype, direction) {
  if (value === direction * largest(dtype)) return direction * Infinity;
  const wide = dtype === "float64";
  const width = wide ? 64 : 8 * DTYPES[dtype].bytes;
  const code = wide
    ? new BigUint64Array(Float64Array.of(value + 0).buffer)[0]
    : codeOf(Float32Array.of(value + 0), dtype);
  const away = value === 0 || value > 0 === direction > 0;
  const sign = value === 0 && direction < 0 ? 1n << BigInt(width - 1) : 0n;
  const moved = (code + (away ? 1n : -1n)) | sign;
  const bytes = new Uint8Array(BigUint64Array.of(moved).buffer, 0, width / 8);
  return Number(decode(bytes, dtype)[0]);
}

/** The code of one float32 in a dtype. @param {Float32Array} held @param {string} dtype @returns {bigint} */
function codeOf(held, dtype) {
  const padded = new Uint8Array(8);
  padded.set(encode(held, dtype));
  return new BigUint64Array(padded.buffer)[0];
}
