// SHA-256 (FIPS 180-4). `crypto.subtle` has it too, but neither at once nor on pages without TLS.

/** The first 32 bits of the fractions of the cube roots of the first 64 primes. */
const ROUND_CONSTANTS = new Int32Array(64);
/** The first 32 bits of the fractions of the square roots of the first eight. */
const INITIAL_STATE = new Int32Array(8);

for (let number = 2, found = 0; found < 64; number++) {
  let isPrime = true;
  for (let divisor = 2; divisor * divisor <= number; divisor++) isPrime &&= number % divisor !== 0;
  if (!isPrime) continue;
  if (found < 8) INITIAL_STATE[found] = fraction(number, 2n);
  ROUND_CONSTANTS[found++] = fraction(number, 3n);
}

/** The first 32 bits of the fraction of the `degree`-th root of `number`, by bisection on integers. */
function fraction(number, degree) {
  const scaled = BigInt(number) << (32n * degree);
  let low = 0n;
  let high = 1n << 38n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= scaled) low = middle;
    else high = middle;
  }
  return Number(BigInt.asIntN(32, low));
}

/** A SHA-256 that is fed piece by piece. */
export class Sha256 {
  #state = Int32Array.from(INITIAL_STATE);
  #words = new Int32Array(64);
  #block = new Uint8Array(64);
  #length = 0;

  /** @param {Uint8Array} bytes @returns {this} */
  update(bytes) {
    let at = 0;
    const filled = this.#length % 64;
    this.#length += bytes.length;
    if (filled) {
      at = Math.min(64 - filled, bytes.length);
      this.#block.set(bytes.subarray(0, at), filled);
      if (filled + at < 64) return this;
      this.#compress(this.#block, 0);
    }
    for (; at + 64 <= bytes.length; at += 64) this.#compress(bytes, at);
    this.#block.set(bytes.subarray(at));
    return this;
  }

  /** The digest of what was fed; nothing may be fed afterwards. @returns {Uint8Array} */
  digest() {
    const length = this.#length;
    const padding = new Uint8Array(((119 - (length % 64)) % 64) + 9);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, BigInt(length) * 8n);
    this.update(padding);
    const found = new Uint8Array(32);
    const view = new DataView(found.buffer);
    this.#state.forEach((word, index) => view.setInt32(4 * index, word));
    return found;
  }

  /** @param {Uint8Array} bytes @param {number} at */
  #compress(bytes, at) {
    const words = this.#words;
    for (let i = 0; i < 16; i++, at += 4) {
      words[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = words[i - 15];
      const y = words[i - 2];
      const low = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const high = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      words[i] = (words[i - 16] + low + words[i - 7] + high) | 0;
    }
    const state = this.#state;
    let a = state[0]; // no pattern: a loop over an iterator would take most of the time
    let b = state[1];
    let c = state[2];
    let d = state[3];
    let e = state[4];
    let f = state[5];
    let g = state[6];
    let h = state[7];
    for (let i = 0; i < 64; i++) {
      const high = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const first = (h + high + ((e & f) ^ (~e & g)) + ROUND_CONSTANTS[i] + words[i]) | 0;
      const low = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const second = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}

/**
 * The SHA-256 of some bytes, in hexadecimal.
 *
 * @param {...Uint8Array} pieces - one after the other
 * @returns {string} 64 digits
 */
export function sha256(...pieces) {
  const hash = new Sha256();
  for (const piece of pieces) hash.update(piece);
  return [...hash.digest()].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
