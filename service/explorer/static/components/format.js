// Numbers and sizes as people read them.

/** A number with at most four digits that count: 0.04385, 1.2e−7, 12,345. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace(/\.?0+e/, "e").replaceAll("-", "−").replace("e+", "e");
  return value.toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−");
}

/** A text with one full stop at its end. */
export const sentence = (text) => (/[.!?…]$/.test(text) ? text : `${text}.`);

/** A share in percent. */
export const share = (value) => `${Number((value * 100).toPrecision(3))} %`;

/** A count with separators. */
export const count = (value) => value.toLocaleString("en");

const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];

/** A size in bytes in decimal units. */
export function size(value) {
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit ? value.toPrecision(3) : value} ${UNITS[unit]}`;
}

const DTYPES = { F64: "float64", F32: "float32", F16: "float16", BF16: "bfloat16", I64: "int64", I32: "int32", BOOL: "bool" };

/** torch's name of a dtype, from that of a safetensors file. */
export const dtype = (name) => DTYPES[name] ?? name;

/** A large count in words of the field: 124 M, 671 B. */
export function rounded(value) {
  for (const [name, factor] of Object.entries({ T: 1e12, B: 1e9, M: 1e6, k: 1e3 }))
    if (value >= factor * 0.9995) return `${Number((value / factor).toPrecision(3))} ${name}`;
  return String(value);
}
