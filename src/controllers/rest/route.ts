import { type IncomingMessage } from 'node:http';
import { type Readable } from 'node:stream';
import { type z } from 'zod';
import { type Services } from '../../commands/services';
import { type ErrorCode } from '../../errors';
import { clientId, eventId, type IdKind, isId } from '../../model/values/identifiers';
import { type Principal } from '../../commands/access/tokens';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** `user`: a user for itself, or the backend; `backend`: the backend only; `open`: in `dev` anybody, else the backend. */
export type Who = 'user' | 'backend' | 'open';

/** A request that has passed its checks. */
export interface ApiRequest<Query, Body> {
  context: Services;
  principal: Principal;
  params: Record<string, string>;
  query: Query;
  body: Body;
  /** The JSON that it was parsed from. */
  bodyText: string;
  request: IncomingMessage;
  /** Whether only the answer's head is asked for: nobody sees what is in it. */
  headOnly: boolean;
}

export interface Reply {
  status: number;
  /** JSON; `RawJson` goes out as it is. Left out: no body. */
  body?: unknown;
  /** Bytes in the place of JSON, with the headers that describe them; without `content` the head alone. */
  stream?: { headers: Readonly<Record<string, string>>; content?: Readable | undefined };
}

/** One route of the API: what mounts it, checks its input, answers it and documents it. */
export interface Route<Query extends z.ZodObject = z.ZodObject, Body extends z.ZodType = z.ZodType> {
  method: Method;
  /** below the group's base, Express's notation */
  path: string;
  who: Who;
  summary: string;
  query?: Query;
  body?: Body;
  /** The parts of a body that `handle` reads from the request itself, as multipart/form-data. */
  multipart?: z.ZodObject;
  /** Called before the body is read, with the bytes that it is announced to have. @throws AppError where no body would do */
  checkRoom?(services: Services, length: number): void;
  /** Who asks, where the address itself tells; undefined: the usual credentials do. */
  link?(services: Services, request: IncomingMessage, params: Record<string, string>): Principal | undefined;
  /** An example body for the documentation. */
  example?: unknown;
  /** What may go wrong beyond what its input and credentials tell; see `problemsOf`. */
  problems?: readonly ErrorCode[];
  /** Status to what is answered; null: no body. */
  responses: Record<number, { description: string; schema: z.ZodType | null }>;
  handle(call: ApiRequest<z.output<Query>, z.output<Body>>): Promise<Reply> | Reply;
}

/** Keeps the types of a route's query and body while its list holds routes of all kinds. */
export function route<Query extends z.ZodObject, Body extends z.ZodType>(
  definition: Route<Query, Body>,
): Route {
  return definition;
}

const PARAMETERS: Record<string, { kind?: IdKind; extra?: readonly string[] }> = {
  user_id: { kind: 'user' },
  session_id: { kind: 'session' },
  topic_id: { kind: 'topic' },
  participant_id: { kind: 'user' },
  message_id: {},
  notice_id: {},
};

/** An unknown file is told by its handler, after the credentials: an address may be all that somebody has. */
const ANY = 'file_id';

/** A path that ends like this takes `current` for the session's last topic. */
export const TAKES_CURRENT = '/:session_id/topics/:topic_id/ended';

/** Whether `value` can stand for the parameter `name` of the path; what can't is `not_found`. */
export function parameterFits(path: string, name: string, value: string): boolean {
  if (name === ANY) return true;
  if (name === 'event_id') return eventId.safeParse(value).success;
  const { kind } = PARAMETERS[name] ?? {};
  if (kind !== undefined) return isId(kind, value) || (value === 'current' && path === TAKES_CURRENT);
  if (name === 'client_id') return clientId.safeParse(value).success;
  return /^[1-9]\d{0,15}$/.test(value) && Number.isSafeInteger(Number(value));
}

/** Literal segments come before parameters, from the left: so `/messages/unread` is found before `/messages/:message_id`. */
export function bySpecificity(first: { path: string }, second: { path: string }): number {
  const shape = ({ path }: { path: string }) =>
    path
      .split('/')
      .map((segment) => (segment.startsWith(':') ? '1' : '0'))
      .join('');
  return shape(first) < shape(second) ? -1 : 1;
}

/** The parameters of `path` in `pathname`, if that is its form. */
export function matchPath(path: string, pathname: string): Record<string, string> | undefined {
  const pattern = segmentsOf(path);
  const segments = segmentsOf(pathname);
  if (pattern.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (!expected.startsWith(':')) {
      if (expected !== segment) return undefined;
      continue;
    }
    const name = expected.slice(1);
    const value = decoded(segment);
    if (value === undefined || !parameterFits(path, name, value)) return undefined;
    parameters[name] = value;
  }
  return parameters;
}

/** The methods that a path below the group's base takes; empty: there is no such path. */
export function allowedMethods(
  routes: readonly Pick<Route, 'method' | 'path'>[],
  pathname: string,
): string[] {
  const methods = new Set<string>();
  for (const route of routes) {
    if (matchPath(route.path, pathname) === undefined) continue;
    methods.add(route.method);
    if (route.method === 'GET') methods.add('HEAD');
  }
  return [...methods].sort();
}

/** Express takes a slash at a path's end for nothing, but no empty segment. */
function segmentsOf(path: string): string[] {
  return path.replace(/\/$/, '').split('/').slice(1);
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
