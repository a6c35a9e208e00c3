// Initialised weights in JavaScript: generated here, or planned, fetched and parsed from a service.

export { Client, RemoteFile } from "./client.js";
export { ServiceError, TensorseedError, UnsupportedError } from "./errors.js";
export { elements, generate, MAX_VALUES } from "./generate.js";
export { generateInWorker } from "./in_worker.js";
export { parse } from "./safetensors.js";
export { sha256 } from "./sha256.js";

import { SCHEMES } from "./schemes.js";

/** The inits that are generated here; `glorot_*` and `he_*` are `xavier_*` and `kaiming_*`. */
export const KINDS = Object.freeze(Object.keys(SCHEMES));
