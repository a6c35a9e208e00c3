/** Initialised weights in JavaScript: generated here, or planned, fetched and parsed from a service. */

/** The dtypes of a tensor that is generated. */
export type DType = "float64" | "float32" | "bfloat16" | "float16" | "float8_e4m3fn" | "float8_e5m2";

/** The dtypes of a file. */
export type FileDType = DType | "int64" | "int32" | "int8" | "uint8" | "bool";

/** One tensor, as in `GET /v1/weights?…`. Parameters of the init stand beside it, or within `init`. */
export interface Query {
  init: string | { kind: string; [parameter: string]: unknown };
  /** Sizes; none for a single number. */
  shape: readonly number[] | string;
  /** An integer of 64 bits, 0 by default. Beyond 2⁵³ it is a BigInt or a decimal string. */
  seed?: number | bigint | string;
  dtype?: DType;
  /** Keys the draw; `weight` by default. */
  name?: string;
  [parameter: string]: unknown;
}

/** What a file comes from: a spec or its JSON text, a query, a token, a URL. */
export type Source = Query | URLSearchParams | string | { layers: readonly object[]; [member: string]: unknown };

/** Values of floats. Those below 32 bits are Float32Array, which holds each of them exactly. */
export type Values = Float32Array | Float64Array;

/** The numbers of a tensor. int64 is BigInt64Array, bool is Uint8Array of 0 and 1. */
export type Data = Values | BigInt64Array | Int32Array | Int8Array | Uint8Array;

export interface Tensor {
  dtype: FileDType;
  shape: number[];
  /** The row-major elements. */
  data: Data;
}

/** The file of one tensor, with the bytes of `GET /v1/weights?…`. */
export interface Generated {
  name: string;
  dtype: DType;
  shape: number[];
  /** The row-major elements. */
  values: Values;
  /** The whole safetensors file. */
  bytes: Uint8Array;
  /** Its header, a view of `bytes`. */
  header: Uint8Array;
  /** The canonical recipe, JSON. */
  recipe: string;
  /** Of the whole file, in hexadecimal. */
  sha256: string;
  /** The file's entity tag, without quotation marks. */
  etag: string;
  /** The file is at `/v1/weights/{token}`. */
  token: string;
}

/**
 * The file of one tensor, computed here bit for bit as the service does.
 *
 * @throws UnsupportedError for a valid query whose values only the service computes
 * @throws TensorseedError for any other fault; its `field` is the parameter
 */
export function generate(query: Query | URLSearchParams | string): Generated;

/** `generate` in a worker, where there are workers; its work ends with the signal. */
export function generateInWorker(
  query: Query | URLSearchParams | string,
  options?: { signal?: AbortSignal },
): Promise<Generated>;

/** Elements `first` to `first + count − 1` of the row-major tensor, however large it is. */
export function elements(query: Query | URLSearchParams | string, first: number, count: number): Values;

/** The elements that one call computes. */
export const MAX_VALUES: number;

/** The inits that are generated here. */
export const KINDS: readonly string[];

/** The tensors of a safetensors file. Their data shares its memory where a typed array can. */
export function parse(file: ArrayBuffer | Uint8Array): {
  metadata: Record<string, string>;
  tensors: Map<string, Tensor>;
};

/** The SHA-256 of bytes, one piece after the other, in hexadecimal. */
export function sha256(...pieces: Uint8Array[]): string;

export interface ClientOptions {
  /** The address of the service, with its prefix if it has one; a page may leave out its host, or all of it. */
  url?: string | URL;
  /** An API key, sent to that service alone. */
  key?: string;
  /** In the place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** How often a request is made where the service is busy or the connection breaks; 5 by default. */
  attempts?: number;
}

/** The plan of a file: `POST /v1/weights/plan`. */
export interface Plan {
  token: string;
  /** The path of the file; null for a spec that is too long for one. */
  url: string | null;
  etag: string;
  size: number;
  header_size: number;
  recipe: object;
  tensors: { name: string; dtype: FileDType; shape: number[]; [member: string]: unknown }[];
  warnings: { code: string; detail: string; [member: string]: unknown }[];
  [member: string]: unknown;
}

/** A service. A busy one, 429 or 503, is asked again as late as `Retry-After` says. */
export class Client {
  constructor(options?: ClientOptions);
  plan(spec: object | string, options?: { signal?: AbortSignal }): Promise<Plan>;
  /** A whole file, parsed. A transfer that breaks goes on where it broke. */
  fetch(
    source: Source,
    options?: { signal?: AbortSignal; onProgress?: (received: number, size: number) => void },
  ): Promise<{
    metadata: Record<string, string>;
    tensors: Map<string, Tensor>;
    bytes: Uint8Array;
    etag: string | null;
  }>;
  /** A file whose tensors are fetched when they are read. */
  open(source: Source, options?: { signal?: AbortSignal }): Promise<RemoteFile>;
}

/** A file at a URL; only its header is here. */
export class RemoteFile {
  private constructor();
  readonly url: string;
  readonly etag: string | null;
  /** Bytes of the whole file. */
  readonly size: number;
  readonly metadata: Record<string, string>;
  /** Where each tensor lies in the file, in bytes. */
  readonly tensors: Map<string, { dtype: FileDType; shape: number[]; start: number; stop: number }>;
  readonly names: string[];
  /** One tensor, by its range of bytes. */
  tensor(name: string, options?: { signal?: AbortSignal }): Promise<Tensor>;
  /** A slice of one tensor, such as `0:128,:`. */
  slice(name: string, slice: string, options?: { signal?: AbortSignal }): Promise<Tensor>;
}

/** A query, a file or an answer that cannot be used. */
export class TensorseedError extends Error {
  constructor(message: string, field?: string);
  /** The parameter of a query that is wrong. */
  readonly field?: string;
}

/** A valid query whose values only the service computes. */
export class UnsupportedError extends TensorseedError {}

/** A refusal by the service: the members of its problem (RFC 9457). */
export class ServiceError extends TensorseedError {
  constructor(status: number, problem: Record<string, unknown>);
  readonly status: number;
  readonly type: string;
  /** What is wrong, each with the pointer into the spec, or the parameter of the query. */
  readonly errors: { pointer?: string; parameter?: string; detail: string }[];
}
