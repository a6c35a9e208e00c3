// A program of a user of the module: it is compiled, with errors where a comment expects them, and never run.
import {
  Client, elements, generate, generateInWorker, KINDS, MAX_VALUES, parse, ServiceError, sha256, TensorseedError,
  UnsupportedError, type Generated, type Query, type Tensor,
} from "tensorseed";

const query: Query = { init: { kind: "normal", std: 0.02 }, shape: [64, 32], seed: 2n ** 63n, dtype: "bfloat16" };
const file: Generated = generate(query);
const first: number = file.values[0] ?? NaN;
const again: Generated = await generateInWorker(new URLSearchParams("init=zeros&shape=3"), {
  signal: AbortSignal.timeout(1000),
});
const some: Float32Array | Float64Array = elements(query, 4, 2);
const names: readonly string[] = KINDS;
const bytes: number = MAX_VALUES * 4 + file.bytes.length + first + again.shape.length + some.length + names.length;

const client = new Client({ url: "http://127.0.0.1:8000", key: "key", attempts: 3 });
const plan = await client.plan({ layers: [{ name: "fc", type: "Linear", in_features: 2, out_features: 3 }] });
const path: string = plan.url ?? plan.token;
const fetched = await client.fetch(path, { onProgress: (received, size) => console.log(received / size) });
const fc: Tensor | undefined = fetched.tensors.get("fc.weight");
if (fc?.data instanceof BigInt64Array) console.log(fc.data[0]);
const remote = await client.open(query);
const bias = await remote.slice("fc.bias", "0:2");
const digest: string = sha256(fetched.bytes, file.header);
console.log(bytes, bias.dtype, digest, parse(file.bytes).metadata["spec"]);

try {
  generate("init=nothing&shape=3");
} catch (error) {
  if (error instanceof ServiceError) console.log(error.status, error.errors.map(({ detail }) => detail));
  else if (error instanceof UnsupportedError || error instanceof TensorseedError) console.log(error.field);
}

// @ts-expect-error: a dtype that is none
generate({ init: "zeros", shape: [3], dtype: "float33" });
// @ts-expect-error: a query without a shape
generate({ init: "zeros" });
// @ts-expect-error: a file of the service is opened, not made
new (await import("tensorseed")).RemoteFile();
// @ts-expect-error: the values of a file are not changed in kind
file.values.push(1);
