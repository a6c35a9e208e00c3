// Real numbers with far more digits than float64, as integers over 2^2048: what section 6 asks of constants.

const BITS = 2048n;
const ONE = 1n << BITS;
const CONTINUED_BITS = 320n; // of a continued fraction, which gives 60 digits

const view = new DataView(new ArrayBuffer(8));

/** @typedef {{ top: bigint, bottom: bigint }} Rational a quotient of integers, `bottom` above 0 */

/** The exact value of a finite float64. @param {number} x @returns {Rational} */
export function rational(x) {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) | (exponent ? 1n << 52n : 0n);
  const power = BigInt(Math.max(exponent, 1) - 1075);
  const top = bits >> 63n ? -mantissa : mantissa;
  return power < 0 ? { top, bottom: 1n << -power } : { top: top << power, bottom: 1n };
}

/** The exact value of the shortest decimal that float64 reads as `x`. @param {number} x @returns {Rational} */
export function decimal(x) {
  const [digits, exponent] = x.toExponential().split("e");
  const [whole, fraction = ""] = digits.split(".");
  const power = Number(exponent) - fraction.length;
  const top = BigInt(whole + fraction);
  return power < 0 ? { top, bottom: 10n ** BigInt(-power) } : { top: top * 10n ** BigInt(power), bottom: 1n };
}

/** @param {Rational} x @param {Rational} y @returns {Rational} */
export function add(x, y) {
  return { top: x.top * y.bottom + y.top * x.bottom, bottom: x.bottom * y.bottom };
}

/** @param {Rational} x @param {Rational} y @returns {Rational} */
export function multiply(x, y) {
  return { top: x.top * y.top, bottom: x.bottom * y.bottom };
}

/** x/y, y above 0. @param {Rational} x @param {Rational} y @returns {Rational} */
export function divide(x, y) {
  return { top: x.top * y.bottom, bottom: x.bottom * y.top };
}

/** The sign of x − y. @param {Rational} x @param {Rational} y @returns {number} */
export function compare(x, y) {
  const difference = x.top * y.bottom - y.top * x.bottom;
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
}

/** The number over 2^2048. @param {Rational} x @returns {bigint} */
export function fixed({ top, bottom }) {
  return (top << BITS) / bottom;
}

/** The rational of a number over 2^2048. @param {bigint} x @returns {Rational} */
export function unfixed(x) {
  return { top: x, bottom: ONE };
}

/** The float64 nearest to a rational, ties to even. @param {Rational} x @returns {number} */
export function nearest({ top, bottom }) {
  if (top < 0n) return -nearest({ top: -top, bottom });
  if (top === 0n) return 0;
  // one bit of the quotient is worth 2^power, and it has 53 bits unless it is subnormal
  let power = Math.max(lengthOf(top) - lengthOf(bottom) - 53, -1074);
  if (roundedQuotient(top, bottom, power) > 1n << 53n) power += 1;
  const half = Math.trunc(power / 2); // engines differ on powers of two below 2^-1022
  return Number(roundedQuotient(top, bottom, power)) * 2 ** half * 2 ** (power - half);
}

/** top/bottom/2^power, rounded to an integer, ties to even. @param {bigint} top @param {bigint} bottom @param {number} power */
function roundedQuotient(top, bottom, power) {
  const shift = BigInt(Math.abs(power));
  return toInteger(power < 0 ? { top: top << shift, bottom } : { top, bottom: bottom << shift });
}

/** A rational that is not negative, rounded to an integer, ties to even. @param {Rational} x @returns {bigint} */
export function toInteger({ top, bottom }) {
  const quotient = top / bottom;
  const twice = 2n * (top - quotient * bottom);
  return twice > bottom || (twice === bottom && quotient & 1n) ? quotient + 1n : quotient;
}

/** @param {bigint} x @returns {number} its bits */
function lengthOf(x) {
  const digits = x.toString(16);
  return 4 * (digits.length - 1) + (32 - Math.clz32(parseInt(digits[0], 16)));
}

/** @param {bigint} x @param {bigint} y */
function times(x, y) {
  return (x * y) >> BITS;
}

/** 2·atanh(top/bottom) over 2^2048, by its series. @param {bigint} top @param {bigint} bottom */
function twiceArtanh(top, bottom) {
  const ratio = (top << BITS) / bottom;
  const square = times(ratio, ratio);
  let total = 0n;
  for (let power = ratio, n = 1n; power !== 0n && power !== -1n; power = times(power, square), n += 2n) {
    total += power / n;
  }
  return 2n * total;
}

let ln2Known = 0n;
/** log 2 over 2^2048. */
function ln2() {
  ln2Known ||= twiceArtanh(1n, 3n);
  return ln2Known;
}

/** log x over 2^2048, x above 0. @param {Rational} x @returns {bigint} */
export function log({ top, bottom }) {
  const power = lengthOf(top) - lengthOf(bottom);
  const [m, n] = power < 0 ? [top << BigInt(-power), bottom] : [top, bottom << BigInt(power)];
  return BigInt(power) * ln2() + twiceArtanh(m - n, m + n);
}

/** exp(−x) of a number that is not negative; both over 2^2048. @param {bigint} x @returns {bigint} */
function expOfMinus(x) {
  const twos = x / ln2();
  const halvings = 24n;
  const rest = (x - twos * ln2()) >> halvings;
  let total = ONE;
  for (let term = ONE, n = 1n; term !== 0n; n++) {
    term = times(term, rest) / n;
    total += n % 2n ? -term : term;
  }
  for (let i = 0n; i < halvings; i++) total = times(total, total);
  return total >> twos;
}

/** √x over 2^2048, by Newton's method on integers. @param {bigint} x - over 2^2048 @returns {bigint} */
export function root(x) {
  const square = x << BITS;
  if (square === 0n) return 0n;
  let found = 1n << BigInt(Math.ceil(lengthOf(square) / 2));
  for (;;) {
    const better = (found + square / found) >> 1n;
    if (better >= found) return found;
    found = better;
  }
}

let densityKnown = 0n;
/** The density φ(z) = exp(−z²/2)/√(2π) over 2^2048. @param {bigint} z - over 2^2048 @returns {bigint} */
export function density(z) {
  densityKnown ||= root(2n * pi());
  return (expOfMinus(times(z, z) >> 1n) << BITS) / densityKnown;
}

/** π over 2^2048: 16·arctan(1/5) − 4·arctan(1/239) (Machin, 1706). */
function pi() {
  /** @param {bigint} n */
  const arctan = (n) => {
    let total = 0n;
    for (let power = ONE / n, k = 1n, sign = 1n; power !== 0n; power /= n * n, k += 2n, sign = -sign) {
      total += (sign * power) / k;
    }
    return total;
  };
  return 16n * arctan(5n) - 4n * arctan(239n);
}

/**
 * The upper tail 1 − Φ(z) of the standard normal, z not negative.
 *
 * z < 3: ½ − φ(z)·(z + z³/3 + z⁵/(3·5) + …); else φ(z)/(z + 1/(z + 2/(z + …))); 0 from 67 on.
 *
 * @param {bigint} z - over 2^2048
 * @returns {bigint} over 2^2048
 */
export function tail(z) {
  if (z >= 67n * ONE) return 0n;
  if (z < 3n * ONE) {
    const square = times(z, z);
    let total = 0n;
    for (let term = z, n = 1n; term !== 0n; n += 2n, term = times(term, square) / n) total += term;
    return (ONE >> 1n) - times(density(z), total);
  }
  const drop = BITS - CONTINUED_BITS;
  const short = z >> drop;
  const size = Number(short >> (CONTINUED_BITS - 20n)) / 2 ** 20;
  let fraction = short;
  for (let level = BigInt(Math.ceil(13500 / (size * size)) + 60); level > 0n; level--) {
    fraction = short + (level << (2n * CONTINUED_BITS)) / fraction;
  }
  return (density(z) << CONTINUED_BITS) / fraction;
}

export const HALF = ONE >> 1n;
export { ONE };
