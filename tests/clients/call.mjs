// Calls a function of @huggingface/hub, or of the tokenizers of transformers.js: node call.mjs FOLDER_OF_NODE_MODULES FUNCTION PARAMETERS_AS_JSON
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const [folder, name, told] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const hub = load("@huggingface/hub");

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

// The ids of texts and the texts of those ids, by the tokenizers that transformers.js has, and a chat by its Jinja.
async function tokenized({ hubUrl, repo, texts, chat }) {
  const { Tokenizer } = load("@huggingface/tokenizers");
  const { Template } = load("@huggingface/jinja");
  const read = async (name) => (await fetch(`${hubUrl}/${repo}/resolve/main/${name}`)).json();
  const [model, config] = [await read("tokenizer.json"), await read("tokenizer_config.json")];
  const tokenizer = new Tokenizer(model, config);
  const ids = texts.map((text) => tokenizer.encode(text, { add_special_tokens: false }).ids);
  const template = config.chat_template ? new Template(config.chat_template) : null;
  const given = { messages: chat, add_generation_prompt: true, bos_token: config.bos_token, eos_token: config.eos_token };
  return {
    ids,
    texts: ids.map((row) => tokenizer.decode(row, { skip_special_tokens: false })),
    framed: tokenizer.encode(texts[0]).ids,
    chat: template?.render(given) ?? null,
  };
}

// What transformers.js reads of a repository: the config's type, ids of a text, a chat, and the shape of an image.
async function transformed({ hubUrl, repo, revision, text, chat, image }) {
  const { env, AutoConfig, AutoTokenizer, AutoProcessor, RawImage } = load("@huggingface/transformers");
  Object.assign(env, { remoteHost: hubUrl, allowLocalModels: false, useFSCache: false });
  const { model_type } = await AutoConfig.from_pretrained(repo, { revision });
  if (image) {
    const [width, height] = image;
    const { pixel_values } = await (await AutoProcessor.from_pretrained(repo, { revision }))(
      new RawImage(new Uint8ClampedArray(width * height * 3), width, height, 3),
    );
    return { model_type, dims: pixel_values.dims };
  }
  const tokenizer = await AutoTokenizer.from_pretrained(repo, { revision });
  const options = { tokenize: false, add_generation_prompt: true };
  return {
    model_type,
    ids: tokenizer.encode(text),
    chat: chat ? tokenizer.apply_chat_template(chat, options) : null,
  };
}

const functions = {
  tokenized,
  transformed,
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
