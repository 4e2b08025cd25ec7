import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse } from 'node:http';

/** Browsers take an answer for what it says that it is. */
export const NO_SNIFFING = 'X-Content-Type-Options';
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** An id for a request: the caller's own, when it is one, else a new one. */
export function newRequestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** The id of a request. From its first use on it is on the response, whoever answers. */
export function requestId(request: IncomingMessage, response: ServerResponse): string {
  const known = response.getHeader('X-Request-Id');
  if (typeof known === 'string') return known;
  const id = newRequestId(request);
  response.setHeader('X-Request-Id', id);
  response.setHeader(NO_SNIFFING, 'nosniff');
  return id;
}
