// A safetensors file in JavaScript, without a library: a header of JSON, then the numbers.
// Usage: node examples/weights.mjs [http://127.0.0.1:8000]

import { readFile } from "node:fs/promises";

const url = process.argv[2] ?? "http://127.0.0.1:8000";
const spec = await readFile(new URL("mlp.json", import.meta.url));

const answer = await fetch(`${url}/v1/weights`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: spec,
});
if (!answer.ok) throw new Error((await answer.json()).detail);
const file = await answer.arrayBuffer();

const length = Number(new DataView(file).getBigUint64(0, true)); // of the header, little-endian
const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));

function tensor(name) {
  const [start, stop] = header[name].data_offsets;
  return new Float32Array(file.slice(8 + length + start, 8 + length + stop)); // F32, on a little-endian host
}

console.log("tensors:", Object.keys(header).filter((name) => name !== "__metadata__").join(", "));
console.log("first weights:", [...tensor("0.weight").slice(0, 3)].map((x) => x.toFixed(8)));
