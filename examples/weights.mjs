// A spec's file in JavaScript: planned, fetched, read, and one of its tensors generated here, without a service.
// Usage: node examples/weights.mjs [http://127.0.0.1:8000]

import { readFile } from "node:fs/promises";
import { Client, generate } from "../service/explorer/static/tensorseed/index.js";

const client = new Client({ url: process.argv[2] ?? "http://127.0.0.1:8000" });
const spec = await readFile(new URL("mlp.json", import.meta.url), "utf8");

const plan = await client.plan(spec);
console.log("size:", plan.size, "bytes");

const { tensors } = await client.fetch(spec);
console.log("tensors:", [...tensors.keys()].join(", "));
const first = (values) => [...values.slice(0, 3)].map((x) => x.toFixed(8));
console.log("first weights:", first(tensors.get("0.weight").data));

const init = { kind: "kaiming_normal", nonlinearity: "relu" };
const made = generate({ init, shape: [256, 784], seed: 42, name: "0.weight" });
console.log("made here:    ", first(made.values));
