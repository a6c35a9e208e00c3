// Keys and words: sections 1 and 2 of docs/stream-v1.md.

import { Sha256 } from "../sha256.js";

const DOMAIN = "tensorseed stream v1";
const BLOCKS = 1024; // computed at a time: 16 KiB of words stay in the first cache

/**
 * The words k0, k1, c2, c3: the first 16 bytes of SHA-256(domain ‖ seed ‖ |name| ‖ name ‖ |purpose| ‖ purpose).
 *
 * @param {bigint} seed - of 64 bits
 * @param {string} name - of the stream
 * @param {string} purpose - `value`, or what a section says
 * @returns {Uint32Array} four words
 */
export function keyOf(seed, name, purpose = "value") {
  const text = new TextEncoder();
  const hash = new Sha256().update(text.encode(DOMAIN)).update(eight(seed));
  for (const part of [name, purpose]) {
    const bytes = text.encode(part);
    hash.update(eight(BigInt(bytes.length))).update(bytes);
  }
  return new Uint32Array(hash.digest().buffer, 0, 4);
}

/** An integer as eight little-endian bytes. @param {bigint} value @returns {Uint8Array} */
function eight(value) {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

/**
 * The words of Philox4x32-10 for consecutive blocks: counter (block mod 2³², block div 2³², c2, c3).
 *
 * Multiplications of 32 bits go by halves of 16, since a product of 64 bits has no exact number here.
 *
 * @param {Uint32Array} key - k0, k1, c2, c3
 * @param {number} first - the first block mod 2³²
 * @param {number} over - the first block div 2³²
 * @param {Uint32Array} words - filled, four words a block
 */
export function fillWords(key, first, over, words) {
  const [k0, k1, c2, c3] = key;
  let low = first | 0;
  let high = over | 0;
  for (let at = 0; at < words.length; at += 4) {
    let w0 = low;
    let w1 = high;
    let w2 = c2 | 0;
    let w3 = c3 | 0;
    let key0 = k0 | 0;
    let key1 = k1 | 0;
    for (let round = 0; round < 10; round++) {
      // 0xd2511f53 · w0 and 0xcd9e8d57 · w2
      const a = w0 & 0xffff;
      const b = w0 >>> 16;
      const c = (Math.imul(b, 0x1f53) + (Math.imul(a, 0x1f53) >>> 16)) | 0;
      const d = ((c & 0xffff) + Math.imul(a, 0xd251)) | 0;
      const upper0 = (Math.imul(b, 0xd251) + (c >>> 16) + (d >>> 16)) | 0;
      const e = w2 & 0xffff;
      const f = w2 >>> 16;
      const g = (Math.imul(f, 0x8d57) + (Math.imul(e, 0x8d57) >>> 16)) | 0;
      const h = ((g & 0xffff) + Math.imul(e, 0xcd9e)) | 0;
      const upper2 = (Math.imul(f, 0xcd9e) + (g >>> 16) + (h >>> 16)) | 0;
      const lower0 = Math.imul(w0, 0xd2511f53);
      const lower2 = Math.imul(w2, 0xcd9e8d57);
      w0 = upper2 ^ w1 ^ key0;
      w1 = lower2;
      w2 = upper0 ^ w3 ^ key1;
      w3 = lower0;
      key0 = (key0 + 0x9e3779b9) | 0;
      key1 = (key1 + 0xbb67ae85) | 0;
    }
    words[at] = w0;
    words[at + 1] = w1;
    words[at + 2] = w2;
    words[at + 3] = w3;
    low = (low + 1) | 0;
    if (low === 0) high = (high + 1) | 0;
  }
}

/**
 * The words of one block.
 *
 * @param {Uint32Array} key
 * @param {number} block - below 2⁵³
 * @returns {Uint32Array} w0, w1, w2, w3
 */
export function wordsOf(key, block) {
  const words = new Uint32Array(4);
  fillWords(key, block % 2 ** 32, Math.floor(block / 2 ** 32), words);
  return words;
}

/**
 * A filler of elements that are functions of the words of their block.
 *
 * @template {Float32Array | Float64Array} T
 * @param {(words: Uint32Array, values: T) => void} transform - of whole blocks
 * @param {new (length: number) => T} array - Float32Array: four elements a block; Float64Array: two
 * @param {Uint32Array} key
 * @returns {(target: T, first: number) => void} writes the elements from the index `first` on
 */
export function filler(transform, array, key) {
  const inBlock = new array(0) instanceof Float64Array ? 2 : 4;
  return (target, first) => {
    const start = Math.floor(first / inBlock);
    const stop = Math.ceil((first + target.length) / inBlock);
    const size = Math.min(BLOCKS, stop - start);
    const allWords = new Uint32Array(4 * size);
    const allValues = new array(inBlock * size);
    for (let block = start; block < stop; block += size) {
      const count = Math.min(size, stop - block);
      const words = count < size ? allWords.subarray(0, 4 * count) : allWords;
      const values = count < size ? /** @type {T} */ (allValues.subarray(0, inBlock * count)) : allValues;
      fillWords(key, block % 2 ** 32, Math.floor(block / 2 ** 32), words);
      transform(words, values);
      const at = block * inBlock - first; // of the block's first element in the target
      const end = Math.min(values.length, target.length - at);
      target.set(values.subarray(Math.max(0, -at), end), Math.max(0, at));
    }
  };
}

/** The upper 32 bits of the product of two words, the second below 2³². @param {number} x @param {number} y */
export function upperProduct(x, y) {
  return Math.floor(((x >>> 16) * y + Math.floor(((x & 0xffff) * y) / 65536)) / 65536);
}
