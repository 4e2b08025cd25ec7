/** The codes of the contract, each with its HTTP status and title. */
const CODES = {
  validation_failed: [400, 'The request is not valid'],
  malformed_json: [400, 'The body is not JSON'],
  unauthenticated: [401, 'Credentials are missing or not valid'],
  forbidden: [403, 'Not allowed'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  conflict: [409, 'Conflict'],
  payload_too_large: [413, 'The payload is too large'],
  unsupported_media_type: [415, 'The media type is not supported'],
  range_not_satisfiable: [416, 'The range lies beyond the end'],
  rate_limited: [429, 'Too many requests'],
  internal: [500, 'Internal error'],
  unavailable: [503, 'Unavailable'],
} as const;

export type ErrorCode = keyof typeof CODES;

export const ERROR_CODES = Object.keys(CODES) as ErrorCode[];

/** One fault of the input; `path` is dotted from the body's root, or the bare name of a query or path parameter. */
export interface Fault {
  path: string;
  message: string;
}

/** Whatever goes wrong for a reason that the client may know. REST and sockets each turn it into their own form in one place. */
export class AppError extends Error {
  readonly status: number;
  readonly title: string;

  constructor(
    readonly code: ErrorCode,
    detail: string,
    readonly errors?: readonly Fault[],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.name = 'AppError';
    [this.status, this.title] = CODES[code];
  }
}

/** A `validation_failed` that lists `faults`. */
export function invalid(faults: readonly Fault[]): AppError {
  const first = faults[0];
  const detail =
    first === undefined
      ? 'The request is not valid.'
      : first.path === ''
        ? first.message
        : `${first.path}: ${first.message}`;
  return new AppError('validation_failed', detail, faults);
}

/** A `validation_failed` with the one fault `message` at `path`. */
export function invalidField(path: string, message: string): AppError {
  return invalid([{ path, message }]);
}

/** A `not_found` for the kind of thing that `what` names; says nothing of why, so that outsiders learn nothing. */
export function notFound(what: string): AppError {
  return new AppError('not_found', `There is no such ${what}.`);
}

/** @param methods what the path takes */
export function methodNotAllowed(methods: readonly string[]): AppError {
  const allowed = methods.join(', ');
  return new AppError('method_not_allowed', `This path takes ${allowed}.`, undefined, { Allow: allowed });
}

export function conflict(detail: string): AppError {
  return new AppError('conflict', detail);
}

export function forbidden(detail: string): AppError {
  return new AppError('forbidden', detail);
}

export function unauthenticated(detail: string): AppError {
  // A 401 says which scheme would do (RFC 9110, section 15.5.2); the app key's header has none.
  return new AppError('unauthenticated', detail, undefined, { 'WWW-Authenticate': 'Bearer' });
}

export function unavailable(detail: string): AppError {
  return new AppError('unavailable', detail, undefined, { 'Retry-After': '1' });
}

/** What several checks find wrong with an input, told all at once: a client hears of every fault, not only the first. */
export class Faults {
  readonly #all: Fault[] = [];

  /** Keeps the faults of a `validation_failed`. @throws any other error, as it is */
  keep(error: unknown): void {
    if (!(error instanceof AppError) || error.errors === undefined) throw error;
    this.#all.push(...error.errors);
  }

  /** @throws AppError `validation_failed`, if there is any fault */
  raise(): void {
    if (this.#all.length > 0) throw invalid(this.#all);
  }
}
