import { type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { type Services } from '../../commands/services';
import { AppError, type Fault, forbidden, invalid, unauthenticated, unavailable } from '../../errors';
import { describeError, log } from '../../logger';
import { type Principal } from '../../commands/access/tokens';
import { json } from '../../views/frames';
import { check, faultsOf } from '../input';
import { answerBrokenRequest } from './broken-request';
import { pagingFaults, queryOf } from './query';
import { type JsonBody, MAX_BODY_BYTES, readJsonBody } from './request-body';
import { NO_SNIFFING } from './request-id';
import { type ApiRequest, type Reply, type Route } from './route';
import { missingUser } from './schemas';

/** No request waits longer for the database. */
export const DEADLINE_MS = 9_500;
/** A body of JSON that takes longer is ended. Uploads may take their time: `multipart.ts`. */
const BODY_LIMIT_MS = 30_000;
/** How long what a client still sends is read after an answer that ends the connection. */
const LINGER_MS = 2_000;
/** As nearly everybody writes it. */
const BEARER = 'Bearer ';

/**
 * Serves a request for `route`, from the credentials to the answer. Both doors lead here, the router and the direct way
 * for sending, so a request meets the same checks in the same order whichever it takes.
 */
export async function perform(
  context: Services,
  route: Route,
  params: Record<string, string>,
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
): Promise<void> {
  let readingSince: number | undefined;
  const timer: NodeJS.Timeout = setTimeout(() => {
    // How long a client may take to send its body is another matter.
    if (readingSince === undefined)
      answerError(context, response, id, unavailable('The database does not answer.'));
    else if (performance.now() - readingSince < BODY_LIMIT_MS) timer.refresh();
    else answerBrokenRequest(SLOW_BODY, request.socket);
  }, DEADLINE_MS);
  const body = () => {
    readingSince = performance.now();
    return readJsonBody(request, () => {
      readingSince = undefined;
      timer.refresh();
    });
  };
  try {
    const call = await callOf(context, route, params, request, body);
    // Who reads an upload bounds each thing that it waits for.
    if (route.multipart !== undefined) clearTimeout(timer);
    // Whoever was told that it did not work must not find it done.
    if (!response.headersSent) answer(response, id, await route.handle(call));
  } catch (error) {
    answerError(context, response, id, error);
  } finally {
    clearTimeout(timer);
    log.debug(`${request.method ?? ''} ${route.path} ${response.statusCode}`, id);
  }
}

const SLOW_BODY = Object.assign(new Error('a body that is too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });

/** What the route's handler is called with, once all is checked that does not depend on what exists. */
async function callOf(
  context: Services,
  route: Route,
  params: Record<string, string>,
  request: IncomingMessage,
  readBody: () => Promise<JsonBody | undefined>,
): Promise<ApiRequest<Record<string, unknown>, unknown>> {
  const known = route.link?.(context, request, params) ?? authenticate(context, request, route);
  const principal = known instanceof Promise ? await known : known;
  // One that is too large is told so.
  route.checkRoom?.(context, Math.min(Number(request.headers['content-length'] ?? 0), MAX_BODY_BYTES));
  const readsItself = route.method === 'GET' || route.multipart !== undefined;
  const body = readsItself ? undefined : await readBody();
  const call = checked(context, route, principal, params, request, body);
  if (principal.kind === 'user' && !openToUsers(context, route)) {
    throw forbidden('Only the platform may do this.');
  }
  return call;
}

function openToUsers({ config }: Services, { who }: Route): boolean {
  return who === 'user' || (who === 'open' && config.openLogin);
}

/** Who asks. @throws AppError `unauthenticated` */
export function authenticate(
  context: Services,
  request: IncomingMessage,
  route?: Pick<Route, 'who'>,
): Principal | Promise<Principal> {
  const { authorization } = request.headers;
  const key = request.headers['x-im-app-key'];
  if (key !== undefined) {
    if (context.tokens.isAppKey(String(key))) return { kind: 'backend' };
    throw unauthenticated('The app key is not valid.');
  }
  if (authorization !== undefined) {
    const known = authorization.startsWith(BEARER)
      ? context.tokens.verified(authorization.slice(BEARER.length))
      : undefined;
    if (known !== undefined) return known;
    const token = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(authorization)?.[1];
    if (token === undefined) throw unauthenticated('The header Authorization has to be: Bearer <token>.');
    return context.tokens.verified(token) ?? context.tokens.verify(token);
  }
  // In dev a login needs no key, so that the demo works.
  if (route?.who === 'open' && context.config.openLogin) return { kind: 'backend' };
  throw unauthenticated('This needs the header Authorization or X-IM-App-Key.');
}

function checked(
  context: Services,
  route: Route,
  principal: Principal,
  params: Record<string, string>,
  request: IncomingMessage,
  body: JsonBody | undefined,
): ApiRequest<Record<string, unknown>, unknown> {
  const faults: Fault[] = [];
  const given = body === undefined ? {} : body.value;
  const known = Object.keys(route.query?.shape ?? {});
  const query = queryOf(request.url ?? '', known, route.query === undefined ? [] : faults);
  faults.push(...pagingFaults(query, known));
  const checkedQuery = route.query && check(route.query, query);
  if (checkedQuery?.success === false) faults.push(...faultsOf(checkedQuery.error.issues));
  const badTexts = body?.faults ?? [];
  const checkedBody = route.body && check(route.body, given);
  faults.push(...badTexts);
  if (checkedBody?.success === false) {
    const others = faultsOf(checkedBody.error.issues);
    faults.push(...others.filter(({ path }) => !badTexts.some((bad) => bad.path === path)));
  }
  if (principal.kind === 'backend') {
    const places = [
      { schema: route.query, given: query },
      { schema: route.body, given },
    ];
    faults.push(...missingUser(places));
  }
  if (faults.length > 0) throw invalid(faults);
  return {
    context,
    principal,
    params,
    query: checkedQuery?.data ?? {},
    body: checkedBody?.data,
    bodyText: body?.text ?? '{}',
    request,
    headOnly: request.method === 'HEAD',
  };
}

/** The headers go out in one piece: those that were set before would cost each answer a copy of all of them. */
function answer(response: ServerResponse, id: string, reply: Reply): void {
  if (reply.stream !== undefined) {
    answerStream(response, id, reply.status, reply.stream);
    return;
  }
  if (response.headersSent || response.destroyed) return;
  if (reply.body === undefined) {
    response.writeHead(reply.status, [NO_SNIFFING, 'nosniff', 'X-Request-Id', id]);
    response.end();
    return;
  }
  // In bytes at once: of a text, Node would count them first, and then make them of it and the head together.
  const bytes = Buffer.from(json(reply.body));
  response.writeHead(reply.status, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(bytes.length),
    'Cache-Control',
    'no-store',
    NO_SNIFFING,
    'nosniff',
    'X-Request-Id',
    id,
  ]);
  response.end(bytes);
}

function answerStream(
  response: ServerResponse,
  id: string,
  status: number,
  { content, headers }: NonNullable<Reply['stream']>,
): void {
  if (response.headersSent || response.destroyed) {
    content?.destroy();
    return;
  }
  response.writeHead(status, { ...headers, [NO_SNIFFING]: 'nosniff', 'X-Request-Id': id });
  if (content === undefined) {
    response.end();
    return;
  }
  pipeline(content, response, (error) => {
    // The client went away, or the storage: the length tells the client that this is not all.
    if (error) log.debug(`an answer ended early: ${describeError(error)}`, id);
  });
}

/** The one place where an error becomes a response: RFC 9457, with a code and never with a stack or SQL. */
export function answerError(
  context: Services,
  response: ServerResponse,
  requestIdentifier: string,
  error: unknown,
): void {
  if (response.headersSent || response.destroyed) return;
  const {
    code,
    errors,
    headers,
    message: detail,
    status,
    title,
  } = toAppError(context, error, requestIdentifier);
  const text = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    detail,
    code,
    request_id: requestIdentifier,
    ...(errors === undefined ? {} : { errors }),
  });
  response.writeHead(status, {
    'Content-Type': 'application/problem+json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    [NO_SNIFFING]: 'nosniff',
    'X-Request-Id': requestIdentifier,
    ...headers,
  });
  if (headers.Connection === 'close' && !response.req.complete) endLater(response, text);
  else response.end(text);
}

/**
 * Closing a connection while the client still sends would reset it, and the client would lose the answer: what comes is read for
 * a moment, and forgotten.
 */
function endLater(response: ServerResponse, text: string): void {
  response.write(text);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  response.req.once('end', end).once('close', end).resume();
}

/** Any error as one that a client may see; what nobody foresaw is logged here, once. */
export function toAppError(context: Services, error: unknown, requestIdentifier?: string): AppError {
  if (error instanceof AppError) return error;
  if (context.database.outage.explains(error)) return unavailable('The database is away.');
  log.error(`unexpected: ${describeError(error)}`, requestIdentifier);
  return new AppError('internal', 'Something went wrong here.');
}
