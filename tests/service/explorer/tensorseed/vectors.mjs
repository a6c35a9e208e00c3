// Compares the module with the frozen vectors: `node vectors.mjs MODULE VECTORS`.
// Writes the number of vectors of each list, what differs, and what the module does not compute, by scheme.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, vectors] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(folder, file)));
const read = async (file) => JSON.parse(await readFile(join(vectors, file), "utf8"));

const { elements, generate, sha256, UnsupportedError } = await load("index.js");
const { DTYPES, encode } = await load("dtypes.js");
const { normal } = await load("stream/normal.js");
const { matrixRows } = await load("stream/orthogonal.js");
const { minus2log, minus2log32 } = await load("stream/polynomials.js");
const { sinusoidal } = await load("stream/sinusoidal.js");
const { place } = await load("stream/structured.js");
const { truncatedNormal } = await load("stream/truncated.js");
const { uniform } = await load("stream/uniform.js");
const { fillWords, keyOf, wordsOf } = await load("stream/words.js");

const counts = {};
const differences = [];
const unsupported = {};

function compare(list, about, found, wanted) {
  counts[list] = (counts[list] ?? 0) + 1;
  if (JSON.stringify(found) !== JSON.stringify(wanted)) differences.push({ list, about, found, wanted });
}

/** Elements as the vectors give them: bits in hexadecimal, the most significant digit first. */
function hex(bytes, size) {
  const digits = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex").match(/../g) ?? [];
  const found = [];
  for (let i = 0; i < digits.length; i += size) found.push(digits.slice(i, i + size).reverse().join(""));
  return found;
}
const bitsOf = (values, precision) => hex(values, precision === "float64" ? 8 : 4);

/** A number, or a list of them, from their bits. */
function float(digits, precision) {
  const bytes = Uint8Array.from(digits.match(/../g), (byte) => parseInt(byte, 16)).reverse();
  return new (precision === "float64" ? Float64Array : Float32Array)(bytes.buffer)[0];
}
const words = (texts) => Uint32Array.from(texts, (text) => parseInt(text, 16));
const codesOf = (values, dtype) => {
  const precise = dtype === "float64" ? values : Float32Array.from(values);
  return hex(encode(precise, dtype), DTYPES[dtype].bytes);
};

for (const line of (await readFile(join(vectors, "philox.txt"), "utf8")).split("\n")) {
  const [low, high, c2, c3, k0, k1, ...wanted] = line.split(" ");
  if (wanted.length !== 4) continue;
  if (!/^[0-9a-f]{8}$/.test(low)) continue;
  const found = new Uint32Array(4);
  fillWords(words([k0, k1, c2, c3]), ...words([low, high]), found);
  compare("philox", line, hex(found, 4), wanted);
}

const stages = await read("stages.json");
for (const { seed, name, purpose, words: wanted } of stages.keys) {
  compare("keys", name, hex(keyOf(BigInt(seed), name, purpose), 4), wanted);
}
for (const { key, block, words: wanted } of stages.blocks) {
  const number = BigInt(block);
  const found = new Uint32Array(4);
  fillWords(words(key), Number(number & 0xffffffffn), Number(number >> 32n), found);
  compare("blocks", block, hex(found, 4), wanted);
}
for (const { float32, ...codes } of stages.rounding) {
  for (const [dtype, code] of Object.entries(codes)) {
    compare("rounding", float32, codesOf([float(float32, "float32")], dtype), [code]);
  }
}
const arrays = { float32: Float32Array, float64: Float64Array };
for (const { precision, words: texts, u } of stages.uniform) {
  const padded = [...texts, "0", "0", "0"].slice(0, 4);
  const values = new arrays[precision](precision === "float64" ? 2 : 4);
  uniform(0, 1)[precision](words(padded), values);
  compare("uniform", texts, bitsOf(values.subarray(0, 1), precision), [u]);
}
for (const { precision, u, minus2log: wanted } of stages.minus2log) {
  const found = (precision === "float64" ? minus2log : minus2log32)(float(u, precision));
  compare("minus2log", u, bitsOf(arrays[precision].of(found), precision), [wanted]);
}
for (const { precision, words: texts, element0, element1 } of stages.normal) {
  const values = new arrays[precision](2);
  normal(0, 1)[precision](words(texts), values);
  compare("normal", texts, bitsOf(values, precision), [element0, element1]);
}
for (const { mean, std, a, b, dtype, words: texts, values: wanted } of stages.truncated_normal) {
  const bounds = [a, b].map((bound) => Number(bound.replace("inf", "Infinity")));
  const transform = truncatedNormal(Number(mean), Number(std), ...bounds, dtype);
  const precision = dtype === "float64" ? "float64" : "float32";
  const values = new arrays[precision](texts.length);
  const wide = texts.map((text) => BigInt(`0x${text}`) << 11n);
  const all = precision === "float64" ? wide.flatMap((word) => [Number(word >> 32n), Number(word & 0xffffffffn)]) : words(texts);
  transform(Uint32Array.from(all), values);
  compare("truncated_normal", [mean, std, a, b, dtype], bitsOf(values, precision), wanted);
}
for (const { key, rows, column, places } of stages.permutation) {
  const block = wordsOf(words(key), column);
  compare("permutation", [rows, column], places.map((_, row) => place(row, rows, block)), places);
}
for (const { key, m, n, elements: wanted } of stages.thin) {
  const found = bitsOf(matrixRows(m, n, 0, m, words(key)), "float64");
  compare("thin", [m, n], found, wanted.flat());
}
for (const { key, rows, columns, elements: wanted } of stages.not_thin) {
  const found = bitsOf(matrixRows(rows, columns, 0, rows, words(key)), "float64");
  compare("not_thin", [rows, columns], found, wanted.flat());
}
for (const { waves, i, position, phase, max_timescale: timescale, endpoint, value } of stages.sinusoidal) {
  const found = new Float64Array(1);
  sinusoidal(2 * waves, Number(timescale), "halves", endpoint)(found, position * 2 * waves + waves * phase + i);
  compare("sinusoidal", [waves, i, position], bitsOf(found, "float64"), [value]);
}

for (const { request, sha256: wanted, tensor_sha256: wantedData } of await read("files.json")) {
  const query = request.split("?")[1];
  try {
    const file = generate(query);
    const data = file.bytes.subarray(file.header.length);
    compare("files", request, [file.sha256, sha256(data)], [wanted, wantedData]);
    slices(query, file, data);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    const init = new URLSearchParams(query).get("init");
    unsupported[init] = (unsupported[init] ?? 0) + 1;
  }
}

/** Elements from odd offsets on are those of the whole tensor. */
function slices(query, { dtype }, data) {
  const { bytes } = DTYPES[dtype];
  const size = data.length / bytes;
  for (const [first, count] of [[0, 1], [1, 2], [Math.floor(size / 2), 3], [size - 1, 1], [3, size - 5]]) {
    if (first < 0 || count < 1 || first + count > size) continue;
    const found = codesOf(elements(query, first, count), dtype);
    compare("slices", [query, first, count], found, hex(data.subarray(first * bytes, (first + count) * bytes), bytes));
  }
}

for (const { about, spec, first, count, elements: wanted } of await read("elements.json")) {
  const [{ type, ...layer }] = spec.layers;
  const found = elements({ ...layer, seed: spec.seed }, first, count);
  compare("elements", [about, layer], codesOf(found, layer.dtype ?? "float32"), wanted);
}

const whole = ["fan_axes", "padding_idx", "quantization", "stream"]; // members of entries that the service alone reads
for (const { about, spec, tensors, ...file } of await read("specs.json")) {
  if (file.tensor || file.shard) continue;
  for (const { type, ...layer } of spec.layers) {
    const { name, dtype = spec.dtype, init } = layer;
    const wanted = tensors.find((tensor) => tensor.name === name);
    const isFloat = (dtype ?? "float32").includes("float");
    if (type !== "Tensor" || !wanted || !isFloat || whole.some((member) => member in layer) || init.kind === "parts") continue;
    const found = generate({ seed: spec.seed, ...layer, dtype });
    compare("spec tensors", [about, layer], sha256(found.bytes.subarray(found.header.length)), wanted.sha256);
    if (spec.layers.length > 1) continue;
    const { sha256: digest, token, etag, recipe } = found;
    compare("specs", about, [digest, token, etag, recipe], [file.sha256, file.token, file.etag, file.recipe]);
  }
}

console.log(JSON.stringify({ counts, differences: differences.slice(0, 5), differing: differences.length, unsupported }));
