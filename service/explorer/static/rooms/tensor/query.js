// The query of a tensor: its parameters, where they begin, and how lines of code write it.
import { keyField, url } from "../../api.js";

export const DEFAULTS = { init: "xavier_uniform", shape: "256,784", dtype: "float32", seed: "42", generator: "philox" };
export const DTYPES = ["float32", "float64", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"];
export const GENERATORS = ["philox", "torch"];
export const VIEW = ["as", "map", "y"]; // members of the state that choose what is shown

/** Schemes whose parameters are lists have no fields here: a spec in JSON has them. */
export const isListed = (scheme) => !scheme.parameters.some(({ type }) => /list/.test(type));

/** Parameters that a scheme needs, at values that show it. */
export const STARTS = {
  constant: { value: "0.5" },
  logit: { p: "0.01" },
  sparse: { sparsity: "0.9" },
  log_uniform: { a: "0.001", b: "0.1" },
  log_of_uniform: { a: "1", b: "16" },
  dirac: { shape: "32,32,3,3" },
  delta_orthogonal: { shape: "32,32,3,3" },
  bilinear: { shape: "8,8,16,16" },
  sinusoidal: { shape: "256,64" },
};

/** The query of a state, without what is the service's default anyway. */
export function queryOf(state) {
  const { init, shape, seed, dtype, generator, ...rest } = { ...DEFAULTS, ...state };
  const query = { shape: shape.trim(), init, seed: seed.trim() };
  if (dtype !== DEFAULTS.dtype) query.dtype = dtype;
  if (generator !== DEFAULTS.generator) query.generator = generator;
  for (const [name, text] of Object.entries(rest)) if (!VIEW.includes(name) && text.trim() !== "") query[name] = text.trim();
  return query;
}

export const pathOf = (query) => `v1/weights?${new URLSearchParams(query).toString().replaceAll("%2C", ",")}`;

const ARRAYS = {
  float32: "Float32Array",
  float64: "Float64Array",
  float16: "Uint16Array",
  bfloat16: "Uint16Array",
  float8_e4m3fn: "Uint8Array",
  float8_e5m2: "Uint8Array",
};

/** The lines that get the file, by language. */
export function linesOf(query) {
  const address = url(pathOf(query)).href;
  const field = keyField();
  const array = ARRAYS[query.dtype ?? DEFAULTS.dtype] ?? "Uint8Array";
  return {
    URL: address,
    curl: `curl -s ${field ? `-H "${field}" ` : ""}'${address.replaceAll("'", "%27")}' -o weight.safetensors`,
    Python: [
      "import tensorseed",
      "",
      `url = ${JSON.stringify(address)}`,
      `weight = tensorseed.open(url)["weight"][...]${field ? "  # the key is in TENSORSEED_KEY" : ""}`,
    ].join("\n"),
    JavaScript: [
      `const answer = await fetch(${JSON.stringify(address)}${field ? ", { headers: { Authorization: `Bearer ${key}` } }" : ""});`,
      "const file = await answer.arrayBuffer(); // safetensors: a header of JSON, then the values",
      "const start = 8 + Number(new DataView(file).getBigUint64(0, true));",
      `const weight = new ${array}(file, start);${array.startsWith("Float") ? "" : ` // the bits of ${query.dtype}`}`,
    ].join("\n"),
  };
}
