// Calls a function of @huggingface/hub: node call.mjs FOLDER_OF_NODE_MODULES FUNCTION PARAMETERS_AS_JSON
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const [folder, name, told] = process.argv.slice(2);
const hub = createRequire(`${folder}/`)("@huggingface/hub");

async function listed(generator) {
  const items = [];
  for await (const item of generator) items.push(item);
  return items;
}

// The whole file, or the slices of it that are asked for, each as hexadecimal.
async function downloaded({ slices, ...given }) {
  const blob = await hub.downloadFile(given);
  if (blob === null) return null;
  const bytes = async (part) => Buffer.from(await part.arrayBuffer());
  const parts = [];
  for (const [start, stop] of slices ?? []) parts.push((await bytes(blob.slice(start, stop))).toString("hex"));
  const sha256 = slices ? null : createHash("sha256").update(await bytes(blob)).digest("hex");
  return { size: blob.size, parts, sha256 };
}

const functions = {
  downloaded,
  listFiles: (given) => listed(hub.listFiles(given)),
  listModels: (given) => listed(hub.listModels(given)),
  listCommits: (given) => listed(hub.listCommits(given)),
};

try {
  const result = await (functions[name] ?? hub[name])(JSON.parse(told));
  console.log(JSON.stringify({ result: result ?? null }));
} catch (error) {
  console.log(JSON.stringify({ kinds: [error.constructor.name, "Error"], message: error.message, ...error }));
}
