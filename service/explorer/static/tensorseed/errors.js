// What this package throws.

/** A query, a file or an answer that cannot be used; `field` names what is wrong of a query. */
export class TensorseedError extends Error {
  /** @param {string} message @param {string} [field] */
  constructor(message, field) {
    super(message);
    this.name = "TensorseedError";
    this.field = field;
  }
}

/** A valid query whose values only the service computes. */
export class UnsupportedError extends TensorseedError {
  /** @param {string} message @param {string} [field] */
  constructor(message, field) {
    super(message, field);
    this.name = "UnsupportedError";
  }
}

/** A refusal by the service: the members of its problem (RFC 9457). */
export class ServiceError extends TensorseedError {
  /** @param {number} status @param {Record<string, any>} problem */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `the service answered with status ${status}`);
    this.name = "ServiceError";
    this.status = status;
    this.type = problem.type ?? "about:blank";
    this.errors = problem.errors ?? [];
  }
}
