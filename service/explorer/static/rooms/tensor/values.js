// Values of a file, their histogram, and a corner of them as a matrix.

const DECODERS = {
  F32: (bytes) => new Float32Array(bytes),
  F64: (bytes) => new Float64Array(bytes),
  BF16: (bytes) => {
    const words = new Uint32Array(bytes.byteLength / 2);
    new Uint16Array(bytes).forEach((half, at) => (words[at] = half << 16));
    return new Float32Array(words.buffer);
  },
  F16: (bytes) => small(new Uint16Array(bytes), 10, 15, 5),
  F8_E4M3: (bytes) => small(new Uint8Array(bytes), 3, 7, 4),
  F8_E5M2: (bytes) => small(new Uint8Array(bytes), 2, 15, 5),
};

/** The only tensor of a safetensors file. */
export function parse(file) {
  const length = Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
  const [, { dtype, shape, data_offsets }] = Object.entries(header).find(([name]) => name !== "__metadata__");
  const [start, stop] = data_offsets.map((offset) => 8 + length + offset);
  return { shape, values: DECODERS[dtype](file.slice(start, stop)) };
}

/** Counts of values in bins of equal width from the smallest to the largest finite value. */
export function histogram(values, bins = 80) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  if (!(high > low)) {
    const middle = high === -Infinity ? 0 : high;
    const half = Math.abs(middle) / 10 || 0.5;
    [low, high] = [middle - half, middle + half];
  }
  const counts = new Array(bins).fill(0);
  const factor = bins / (high - low);
  for (const value of values) if (value >= low && value <= high) counts[Math.min(bins - 1, Math.floor((value - low) * factor))]++;
  return { counts, edges: Array.from({ length: bins + 1 }, (_, at) => low + (at / bins) * (high - low)) };
}

/** Mean, standard deviation and bounds of values. */
export function moments(values) {
  let [sum, low, high] = [0, Infinity, -Infinity];
  for (const value of values) {
    sum += value;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, std: Math.sqrt(squares / values.length), low, high };
}

/** The first `side` rows and columns of the first matrix. */
export function corner(values, shape, side = 64) {
  const [height, width] = [shape.length > 1 ? shape.at(-2) : 1, shape.length ? shape.at(-1) : 1];
  const [rows, columns] = [Math.min(height, side), Math.min(width, side)];
  const found = new Float64Array(rows * columns);
  let bound = 0;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const value = values[row * width + column];
      found[row * columns + column] = value;
      if (Math.abs(value) > bound && Math.abs(value) < Infinity) bound = Math.abs(value);
    }
  return { values: found, rows, columns, bound };
}

/** A slice of at most about 512 × 512 values, for a tensor that is too large to draw whole. */
export function sliceOf(shape) {
  return shape.map((length, axis) => `0:${axis < shape.length - 2 ? 1 : Math.min(length, 512)}`).join(",");
}

/** Values of few bits, by a table of all of them. */
function small(codes, mantissa, bias, exponent) {
  const table = new Float32Array(2 ** (1 + mantissa + exponent));
  const top = 2 ** exponent - 1;
  for (let code = 0; code < table.length; code++) {
    const sign = code >> (mantissa + exponent) ? -1 : 1;
    const power = (code >> mantissa) & top;
    const part = (code & (2 ** mantissa - 1)) / 2 ** mantissa;
    let value = power ? 2 ** (power - bias) * (1 + part) : 2 ** (1 - bias) * part;
    if (exponent === 5 && power === top) value = part ? NaN : Infinity;
    if (exponent === 4 && power === top && part === 0.875) value = NaN; // E4M3 has no infinity
    table[code] = sign * value;
  }
  return Float32Array.from(codes, (code) => table[code]);
}
