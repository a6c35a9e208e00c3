// Norms of the slices of another tensor: section 16 of docs/stream-v1.md.

const BLOCK = 1024;

/**
 * √(Σ x²) of elements by their index along one axis: squares in blocks of 1024, each added as a tree.
 *
 * @param {ArrayLike<number>} elements - of the row-major tensor
 * @param {number} outer @param {number} size @param {number} inner - the axis's size, and those around it
 * @returns {Float64Array} `size` norms
 */
export function norms(elements, outer, size, inner) {
  const found = new Float64Array(size);
  const squares = new Float64Array(outer * inner);
  for (let index = 0; index < size; index++) {
    for (let i = 0; i < outer; i++) {
      for (let j = 0; j < inner; j++) {
        const x = elements[(i * size + index) * inner + j];
        squares[i * inner + j] = x * x;
      }
    }
    let total = 0;
    for (let start = 0; start < squares.length; start += BLOCK) total += tree(squares.subarray(start, start + BLOCK));
    found[index] = Math.sqrt(total);
  }
  return found;
}

/** The second half added to the first, until one number is left. @param {Float64Array} block */
function tree(block) {
  let width = 1;
  while (width < block.length) width *= 2;
  const sums = new Float64Array(width);
  sums.set(block);
  while (width > 1) {
    width /= 2;
    for (let i = 0; i < width; i++) sums[i] += sums[width + i];
  }
  return sums[0];
}
