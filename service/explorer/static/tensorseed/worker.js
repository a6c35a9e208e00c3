// A worker that generates tensors, so that a page stays responsive.

import { generate } from "./generate.js";

self.onmessage = ({ data: { id, query } }) => {
  try {
    const file = generate(query);
    self.postMessage({ id, file }, { transfer: [...new Set([file.bytes.buffer, file.values.buffer])] });
  } catch (error) {
    const { name, message, field } = /** @type {any} */ (error);
    self.postMessage({ id, error: { name, message, field } });
  }
};
