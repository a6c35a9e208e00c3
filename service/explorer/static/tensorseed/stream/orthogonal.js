// Orthogonal matrices by Householder reflections of normal vectors: section 9 of docs/stream-v1.md.

import { UnsupportedError } from "../errors.js";
import { normal } from "./normal.js";
import { filler } from "./words.js";

const MAX_THIN = 4096;
const MAX_COST = 2 ** 32; // multiplications of one call, a few seconds

/**
 * The multiplications that the rows of a matrix cost.
 *
 * @param {number} rows @param {number} columns @param {number} wanted - the number of rows
 */
function costOf(rows, columns, wanted) {
  const m = Math.max(rows, columns);
  const n = Math.min(rows, columns);
  return isThin(m, n) ? (n * n * m) / 2 + wanted * n * n : 2 * m * n * (wanted + 4);
}

/** @param {number} m @param {number} n */
function isThin(m, n) {
  return m >= 2 * n && n <= MAX_THIN;
}

/**
 * A filler of an orthogonal matrix, in float64.
 *
 * @param {number} rows @param {number} columns @param {number} gain
 * @param {Uint32Array} key - of the purpose `value`
 * @returns {(target: Float64Array, first: number) => void}
 */
export function orthogonal(rows, columns, gain, key) {
  return (target, first) => {
    const start = Math.floor(first / columns);
    const stop = Math.ceil((first + target.length) / columns);
    if (costOf(rows, columns, stop - start) > MAX_COST) {
      const sizes = `${rows} × ${columns}`;
      throw new UnsupportedError(`an orthogonal matrix of ${sizes} takes too long here: fetch it from the service`, "shape");
    }
    const found = matrixRows(rows, columns, start, stop, key);
    const skipped = first - start * columns;
    for (let i = 0; i < target.length; i++) target[i] = found[skipped + i] * gain;
  };
}

/**
 * Rows `start` to `stop` − 1 of the matrix of gain 1.
 *
 * @param {number} rows @param {number} columns @param {number} start @param {number} stop
 * @param {Uint32Array} key
 * @returns {Float64Array} row-major
 */
export function matrixRows(rows, columns, start, stop, key) {
  const m = Math.max(rows, columns);
  const n = Math.min(rows, columns);
  const gaussian = filler(normal(0, 1).float64, Float64Array, key);
  if (!isThin(m, n)) return reflected(rows, columns, start, stop, gaussian);
  const tall = rows > columns;
  const q = tall ? thin(m, n, start, stop, 0, n, gaussian) : thin(m, n, 0, m, start, stop, gaussian);
  return tall ? q : transposed(q, m, stop - start);
}

/** @param {Float64Array} matrix @param {number} rows @param {number} columns */
function transposed(matrix, rows, columns) {
  const found = new Float64Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) found[column * rows + row] = matrix[row * columns + column];
  }
  return found;
}

/**
 * Unit vectors, changed by one reflection after the other; each is drawn once, for all rows.
 *
 * @param {number} rows @param {number} columns @param {number} start @param {number} stop
 * @param {(target: Float64Array, first: number) => void} gaussian
 */
function reflected(rows, columns, start, stop, gaussian) {
  const m = Math.max(rows, columns);
  const tall = rows > columns;
  const count = stop - start;
  const vectors = new Float64Array(count * m);
  for (let i = 0; i < count; i++) vectors[i * m + start + i] = 1;
  const found = new Float64Array(count * columns);
  const reflections = tall ? columns : stop;
  const v = new Float64Array(m);
  for (let step = 0; step < reflections; step++) {
    const j = tall ? step : reflections - 1 - step; // forwards in tall matrices, backwards in others
    gaussian(v.subarray(j), j * m + j);
    let squares = 0;
    for (let i = j; i < m; i++) squares += v[i] * v[i];
    const norm = Math.sqrt(squares);
    const head = v[j];
    const sign = head >= 0 ? 1 : -1;
    const scale = norm === 0 ? 0 : 1 / (norm * (norm + Math.abs(head)));
    v[j] = head + sign * norm;
    for (let row = tall ? start : Math.max(start, j); row < stop; row++) {
      const at = (row - start) * m;
      let dot = 0;
      for (let i = j; i < m; i++) dot += v[i] * vectors[at + i];
      dot *= scale;
      for (let i = j; i < m; i++) vectors[at + i] -= dot * v[i];
      if (tall) found[(row - start) * columns + j] = vectors[at + j] * -sign; // later reflections leave it alone
      else if (row === j) for (let i = 0; i < m; i++) found[(row - start) * columns + i] = -sign;
    }
  }
  if (!tall) for (let i = 0; i < found.length; i++) found[i] *= vectors[i];
  return found;
}

/**
 * A block of the thin matrix of m rows and n columns, by its Gram matrix.
 *
 * @param {number} m @param {number} n
 * @param {number} start @param {number} stop - rows
 * @param {number} left @param {number} right - columns
 * @param {(target: Float64Array, first: number) => void} gaussian
 * @returns {Float64Array} row-major
 */
function thin(m, n, start, stop, left, right, gaussian) {
  const { heads, omegas, signs, pivots } = prepared(m, n, gaussian);
  const pitch = 4 * Math.ceil(n / 4);
  const width = right - left;
  const found = new Float64Array((stop - start) * width);
  const g = new Float64Array(pitch);
  for (let row = start; row < stop; row++) {
    gaussian(g, row * pitch);
    if (row < n) g[row] = pivots[row];
    for (let column = left; column < right; column++) {
      const last = Math.min(row, column);
      const omega = heads[column];
      let total = 0;
      for (let j = 0; j <= last; j++) total += g[j] * omegas[omega + j];
      found[(row - start) * width + column - left] = (total - (row === column ? 1 : 0)) * signs[column];
    }
  }
  return found;
}

/**
 * Signs, pivots v_j[j] and ω of all columns; that of `column` begins at heads[column].
 *
 * @param {number} m @param {number} n @param {(target: Float64Array, first: number) => void} gaussian
 */
export function prepared(m, n, gaussian) {
  const pitch = 4 * Math.ceil(n / 4);
  const heads = Array.from({ length: n }, (_, j) => (j * (j + 1)) / 2); // of column j in a triangle
  const sums = new Float64Array((n * (n + 1)) / 2); // sums(l, j) at heads[j] + l
  const square = new Float64Array(n * pitch); // g_j[i] for i < n, at i·pitch + j
  gaussian(square, 0);
  const g = new Float64Array(pitch);
  for (let i = 0; i < m; i++) {
    gaussian(g, i * pitch);
    for (let j = 0; j < Math.min(n, i); j++) {
      const head = heads[j];
      const factor = g[j];
      for (let l = 0; l <= j; l++) sums[head + l] += g[l] * factor;
    }
  }
  const norms = new Float64Array(n);
  const signs = new Float64Array(n);
  const scales = new Float64Array(n);
  const pivots = new Float64Array(n);
  const gram = sums; // gram(l, j) takes the place of sums(l, j), l < j
  const omegas = new Float64Array(sums.length);
  for (let j = 0; j < n; j++) {
    const own = square[j * pitch + j];
    norms[j] = Math.sqrt(sums[heads[j] + j] + own * own);
    signs[j] = own >= 0 ? 1 : -1;
    pivots[j] = own + signs[j] * norms[j];
    scales[j] = norms[j] === 0 ? 0 : 1 / (norms[j] * (norms[j] + Math.abs(own)));
    for (let l = 0; l < j; l++) gram[heads[j] + l] += square[j * pitch + l] * pivots[j];
  }
  for (let column = 0; column < n; column++) {
    const head = heads[column];
    for (let l = 0; l < column; l++) omegas[head + l] = square[column * pitch + l];
    omegas[head + column] = pivots[column];
    for (let j = column; j >= 0; j--) {
      omegas[head + j] *= scales[j];
      const factor = omegas[head + j];
      for (let l = 0; l < j; l++) omegas[head + l] -= gram[heads[j] + l] * factor;
    }
  }
  return { heads, norms, signs, scales, pivots, gram, omegas };
}

/**
 * The orthogonal matrix at the centre of a kernel, 0 elsewhere.
 *
 * @param {number[]} shape - outputs, inputs and one to three spatial sizes
 * @param {number} gain @param {Uint32Array} key
 * @returns {(target: Float64Array, first: number) => void}
 */
export function deltaOrthogonal([outputs, inputs, ...spatial], gain, key) {
  const positions = spatial.reduce((product, size) => product * size, 1);
  const centre = spatial.reduce((index, size) => index * size + Math.floor((size - 1) / 2), 0);
  return (target, first) => {
    target.fill(0);
    const start = Math.ceil((first - centre) / positions); // of the matrix's elements
    const stop = Math.ceil((first + target.length - centre) / positions);
    if (stop <= start) return;
    const matrix = new Float64Array(stop - start);
    orthogonal(outputs, inputs, gain, key)(matrix, start);
    for (let i = start; i < stop; i++) target[i * positions + centre - first] = matrix[i - start];
  };
}
