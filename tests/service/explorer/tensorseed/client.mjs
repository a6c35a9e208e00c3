// Drives the client of the module against a service: `node client.mjs MODULE URL`.

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, url] = process.argv.slice(2);
const { Client, generate, generateInWorker, parse, ServiceError, sha256, TensorseedError, UnsupportedError } = await import(
  pathToFileURL(join(folder, "index.js"))
);

const DTYPES = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"];
const layers = DTYPES.map((dtype) => ({ name: `a/${dtype}`, type: "Tensor", shape: [20, 3], init: "normal", dtype }));
const integers = { name: "int64", type: "Tensor", shape: [2], init: { kind: "values", data: [-3, 9007199254740992] }, dtype: "int64" };
const mask = { name: "mask", type: "Tensor", shape: [2, 2], init: "tril", dtype: "bool" };
const spec = { seed: 2n ** 64n - 1n, layers: [...layers, integers, mask] };
const client = new Client({ url });

const checks = {
  async "plans, whole files, ranges and slices agree"() {
    const plan = await client.plan(spec);
    const file = await client.fetch(spec);
    assert.equal(file.etag, plan.etag);
    assert.equal(file.bytes.length, plan.size);
    const remote = await client.open(spec);
    assert.equal(remote.size, plan.size);
    assert.deepEqual(remote.names, [...file.tensors.keys()]);
    for (const name of remote.names) assert.deepEqual(await remote.tensor(name), file.tensors.get(name));
    const slice = await remote.slice("a/bfloat16", "1:3,:");
    assert.deepEqual(slice.data, file.tensors.get("a/bfloat16").data.slice(3, 9));
    assert.deepEqual(file.tensors.get("int64").data, BigInt64Array.of(-3n, 9007199254740992n));
    assert.deepEqual(file.tensors.get("mask").data, Uint8Array.of(1, 0, 1, 1));
  },
  async "values are those that the service writes as JSON"() {
    const { tensors } = await client.fetch(spec);
    const answer = await fetch(`${url}/v1/weights`, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      body: JSON.stringify({ ...spec, seed: String(spec.seed) }),
    });
    const told = (await answer.json()).tensors;
    for (const { name } of layers) assert.deepEqual([...tensors.get(name).data], told[name].data.flat());
  },
  async "a generated file is the one at its token and at its query"() {
    for (const dtype of DTYPES) {
      const query = { init: { kind: "trunc_normal", std: 0.5 }, shape: [7, 5], seed: "12345678901234567890", dtype, name: "w/é" };
      const made = generate(query);
      for (const source of [query, made.token, `/v1/weights/${made.token}`, `${url}/v1/weights/${made.token}`]) {
        const file = await client.fetch(source);
        assert.equal(sha256(file.bytes), made.sha256);
        assert.equal(file.etag, `"${made.etag}"`);
      }
      assert.deepEqual(await generateInWorker(query), made);
    }
  },
  async "a busy service and a broken connection are asked again"() {
    const seen = [];
    const flaky = async (address, init) => {
      seen.push([new URL(address).pathname, new Headers(init.headers).get("range")]);
      if (seen.length === 1) return new Response("{}", { status: 503, headers: { "Retry-After": "0" } });
      if (seen.length === 2) throw new TypeError("fetch failed");
      const answer = await fetch(address, init);
      return seen.length === 3 ? broken(answer) : answer;
    };
    const file = await new Client({ url: `${url}/`, fetch: flaky }).fetch("init=normal&shape=1000&seed=3");
    assert.equal(sha256(file.bytes), generate("init=normal&shape=1000&seed=3").sha256);
    assert.deepEqual(seen.map(([, range]) => range), [null, null, null, "bytes=300-"]);
  },
  async "it gives up after as many attempts as it may make"() {
    let count = 0;
    const busy = async () => {
      count += 1;
      return Response.json({ detail: "busy", status: 429 }, { status: 429, headers: { "Retry-After": "0" } });
    };
    await assert.rejects(new Client({ url, fetch: busy, attempts: 3 }).plan({}), { status: 429, message: "busy" });
    assert.equal(count, 3);
    const cause = new TypeError("fetch failed");
    const absent = () => Promise.reject(cause);
    const message = `nothing answers at ${new URL(url).origin}: is it running, and may this page ask it?`;
    await assert.rejects(new Client({ url, fetch: absent, attempts: 1 }).plan({}), { name: "TensorseedError", message, cause });
  },
  async "wrong arguments are neither tried again nor called an absent service"() {
    let count = 0;
    const counted = (address, init) => {
      count += 1;
      return fetch(address, init);
    };
    const wrong = { "/prefix": /is no URL/, "localhost:8000": /begins with localhost:/, "http://a:secret@localhost:8000": /a name or a password/ };
    for (const [address, message] of Object.entries(wrong)) {
      assert.throws(() => new Client({ url: address, fetch: counted }), { name: "TensorseedError", message });
    }
    const counting = new Client({ url, fetch: counted });
    await assert.rejects(counting.fetch(url.replace("//", "//a:secret@")), (error) => !error.message.includes("secret"));
    await assert.rejects(counting.plan(spec, { signal: 3 }), TypeError);
    await assert.rejects(new Client({ url, fetch: counted, key: "\n\u2028" }).plan(spec), TypeError);
    assert.equal(count, 0);
  },
  async "an address without a host is that of the page"() {
    globalThis.location = new URL("/room?a=1", url);
    try {
      assert.equal((await new Client({ url: "/" }).plan(spec)).etag, (await client.plan(spec)).etag);
      const absent = new Client({ url: "/prefix", fetch: () => Promise.reject(new TypeError("fetch failed")), attempts: 1 });
      await assert.rejects(absent.plan(spec), { message: new RegExp(`^nothing answers at ${new URL(url).origin}:`) });
    } finally {
      delete globalThis.location;
    }
  },
  async "the key goes to its own service alone"() {
    const keys = [];
    const recorded = async (address, init) => {
      keys.push(init.headers.get("authorization"));
      return fetch(address, init);
    };
    const guarded = new Client({ url, key: "secret", fetch: recorded });
    await guarded.fetch("init=ones&shape=2");
    await guarded.fetch(`${url.replace("127.0.0.1", "localhost")}/v1/weights?init=ones&shape=2`);
    assert.deepEqual(keys, ["Bearer secret", null]);
  },
  async "refusals have their members"() {
    const refused = await client.plan({ layers: [{ name: "w" }] }).catch((error) => error);
    assert.ok(refused instanceof ServiceError && refused instanceof TensorseedError);
    assert.equal(refused.status, 422);
    assert.equal(refused.errors[0].pointer, "/layers/0/type");
    assert.match(refused.message, /type is required/);
    await assert.rejects(client.fetch("s1.nothing"), { status: 404 });
    await assert.rejects((await client.open(spec)).tensor("b"), /no tensor b: it has int64/);
  },
  async "a signal ends a request and a pause"() {
    await assert.rejects(client.plan(spec, { signal: AbortSignal.abort() }), { name: "AbortError" });
    const busy = async () => new Response(null, { status: 503, headers: { "Retry-After": "60" } });
    const controller = new AbortController();
    const call = new Client({ url, fetch: busy }).plan(spec, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await assert.rejects(call, { name: "AbortError" });
  },
  async "what is not valid names its parameter"() {
    const fields = {
      "init=foo&shape=2": "init", "shape=2": "init", "init=ones": "shape", "init=ones&shape=2,a": "shape",
      "init=ones&shape=2&seed=-1": "seed", "init=ones&shape=2&seed=18446744073709551616": "seed",
      "init=ones&shape=2&dtype=int4": "dtype", "init=ones&shape=2&sigma=1": "sigma", "init=normal&shape=2&std=-1": "std",
      "init=normal&shape=2&std=big": "std", "init=xavier_normal&shape=2": "init", "init=constant&shape=2": "value",
      "init=constant&shape=2&value=70000&dtype=float16": "value", "init=uniform&shape=2&a=2&b=1": "a",
      "init=trunc_normal&shape=2&a=3.01&b=3.02&dtype=float8_e5m2": "a", "init=kaiming_normal&shape=2,2&mode=fan": "mode",
      "init=values&shape=2&data=[1]": "data", "init=ones&shape=2&name=%00": "name", "init=ones&init=zeros&shape=2": "init",
    };
    for (const [query, field] of Object.entries(fields)) {
      assert.throws(() => generate(query), (error) => error instanceof TensorseedError && error.field === field, query);
      await assert.rejects(client.fetch(query), (error) => [400, 422].includes(error.status), query);
    }
    assert.throws(() => generate({ init: "ones", shape: [2], seed: 2 ** 60 }), { field: "seed" });
  },
  async "what the service alone computes is said to be so"() {
    const parts = 'init=parts&shape=2&parts=[{"init":"ones"}]';
    const queries = [parts, "init=eye&shape=2,2&fan_axes={}", "init=ones&shape=2&name=a{0..1}", "init=normal&shape=2&generator=torch",
      "init=normal&shape=100000,1000", "init=orthogonal&shape=4000,4000"];
    for (const query of queries) assert.throws(() => generate(query), UnsupportedError, query);
  },
  async "what is no file is refused"() {
    const { bytes } = generate("init=normal&shape=9");
    const text = (header) => {
      const found = new Uint8Array(8 + header.length);
      found[0] = header.length;
      found.set(new TextEncoder().encode(header), 8);
      return found;
    };
    const files = [new Uint8Array(3), bytes.subarray(0, 40), bytes.subarray(0, bytes.length - 1), new Uint8Array(64).fill(255),
      text("nothing"), text('{"w":{}}'), text('{"w":{"dtype":"U64","shape":[],"data_offsets":[0,8]}}'),
      text('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}')];
    for (const file of files) assert.throws(() => parse(file), TensorseedError);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    assert.deepEqual(parse(shifted.subarray(1)).tensors, parse(bytes.buffer).tensors);
  },
};

/** The answer, cut off after 300 bytes. */
function broken(answer) {
  const reader = answer.body.getReader();
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue((await reader.read()).value.slice(0, 300));
      await reader.cancel();
    },
    pull(controller) {
      controller.error(new TypeError("terminated"));
    },
  });
  return new Response(body, { headers: answer.headers });
}

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
  } catch (error) {
    console.error(`${name}: ${error.stack}`);
    process.exitCode = 1;
  }
}
console.log(Object.keys(checks).length);
