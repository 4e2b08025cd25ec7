import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo } from 'node:net';
import path from 'node:path';
import { type Duplex } from 'node:stream';
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeDemoData, ownAddress } from './commands/demo/demo';
import { type Context, createContext, type Overrides } from './context';
import { PAGES_DIRECTORY, pagesRouter } from './controllers/pages';
import { apiRouter } from './controllers/rest/api';
import { operationsRouter } from './controllers/operations';
import { Origins } from './controllers/origins';
import { answerBrokenRequest } from './controllers/rest/broken-request';
import { fastDoor } from './controllers/rest/fast-door';
import { answerError } from './controllers/rest/perform';
import { requestId } from './controllers/rest/request-id';
import { SocketServer } from './controllers/socket/socket-server';
import { migrate } from './db/migrate';
import { AppError, conflict, methodNotAllowed, notFound } from './errors';
import { describeError, log } from './logger';
import { type Config } from './resources/config/config';

/** How long requests under way may take to end when the server stops. */
const STOP_GRACE_MS = 7_000;
const IDLE_SWEEP_MS = 100;
const DATABASE_TRIES_MS = 30_000;

const SDK_DIRECTORY = path.join(__dirname, '..', 'sdk');

/** The whole server: `create`, `start`, `stop`; to stop twice is harmless. */
export class ImServer {
  #stopping: Promise<void> | undefined;

  private constructor(
    readonly context: Context,
    private readonly http: HttpServer,
    private readonly sockets: SocketServer,
  ) {}

  static create(config: Config, overrides: Overrides = {}): ImServer {
    const context = createContext(config, overrides);
    const app = expressApp(context);
    const origins = new Origins(config.corsOrigins);
    const allowOrigin = origins.cors();
    const { responses } = context.metrics;
    const lastResponses = new WeakMap<Duplex, ServerResponse>();
    // Node would refuse by itself what names no host, without the headers that every answer has.
    const http = createServer({ requireHostHeader: false }, (request, response) => {
      lastResponses.set(request.socket, response);
      response.once('finish', () => {
        responses.inc({ class: `${Math.floor(response.statusCode / 100)}xx` });
      });
      if (refuseHostless(context, request, response)) return;
      // Only browsers name an origin; whoever does not needs none of CORS. An OPTIONS that is no preflight is a wrong method.
      const { origin, 'access-control-request-method': asked } = request.headers;
      const needsCors = origin !== undefined && (request.method !== 'OPTIONS' || asked !== undefined);
      if (!needsCors && http.listening && fastDoor(context, request, response)) return;
      requestId(request, response);
      // The server stops: this connection's next request is for another process.
      if (!http.listening) response.setHeader('Connection', 'close');
      const serve = () => void app(request, response);
      if (needsCors) allowOrigin(request, response, serve);
      else serve();
    });
    http.on('clientError', (error, socket) => {
      answerBrokenRequest(error, socket, lastResponses.get(socket));
    });
    http.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      requestId(request, response);
      response.writeHead(417, { 'Content-Length': 0, Connection: 'close' }).end();
    });
    // An upload may take long on a phone's line; who reads a body ends one that is silent, or, of JSON, takes 30 s.
    http.requestTimeout = 60 * 60_000;
    http.headersTimeout = 15_000;
    http.keepAliveTimeout = 65_000;
    const sockets = new SocketServer(context, http, (request) => origins.mayConnect(request));
    return new ImServer(context, http, sockets);
  }

  /**
   * Brings the schema up to date and listens.
   * @param waiting called once when the database can't be reached at first; it is tried for 30 s
   * @returns the port
   * @throws the database's error after 30 s, or that of listening
   */
  async start(waiting: () => void = () => undefined): Promise<number> {
    await this.#migrate(waiting);
    await this.context.start();
    const { host, port } = this.context.config;
    await new Promise<void>((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, host, () => {
        this.http.off('error', reject);
        resolve();
      });
    });
    const bound = (this.http.address() as AddressInfo).port;
    if (this.context.config.demo) await this.#demo(ownAddress(host, bound));
    return bound;
  }

  /** A server without its demo data is a server still. */
  async #demo(address: string): Promise<void> {
    try {
      await makeDemoData(this.context.database, address);
    } catch (error) {
      log.warn(`the demo data could not be made: ${describeError(error)}`);
    }
  }

  /** A database that is away, or takes no writes now, is waited for. */
  async #migrate(waiting: () => void): Promise<void> {
    const { database } = this.context;
    const giveUp = performance.now() + DATABASE_TRIES_MS;
    let said: string | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await database.ping();
        for (const step of await migrate(database)) log.debug(`schema step ${step} is done`);
        break;
      } catch (error) {
        const { dialect } = database;
        const isHopeless = !dialect.isUnavailable(error) || dialect.adviceOn(error) !== undefined;
        if (isHopeless || performance.now() >= giveUp) throw error;
        if (attempt === 1) waiting();
        const reason = describeError(error).split(' at ')[0] ?? '';
        if (reason !== said) log.warn(`the database can't be reached, trying again: ${reason}`);
        said = reason;
        await sleep(Math.min(1_000, Math.max(0, giveUp - performance.now())));
      }
    }
    database.limitSilence();
  }

  /** Takes no more requests, ends those under way, closes the sockets with 1012, writes what is pending, closes all. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    this.http.closeIdleConnections();
    // Connections that were busy then stay open when they fall idle.
    const sweep = setInterval(() => this.http.closeIdleConnections(), IDLE_SWEEP_MS);
    await this.sockets.close();
    await Promise.race([closed, sleep(STOP_GRACE_MS, undefined, { ref: false })]);
    clearInterval(sweep);
    this.http.closeAllConnections();
    await this.context.close();
  }
}

/** What Express and its static files refuse, as an error of ours; anything else stays as it is. */
function ofExpress(error: unknown): unknown {
  const { headers, status } = error as { status?: number; headers?: Record<string, string> };
  // A path that can't be decoded: an id in it is simply no id.
  if (error instanceof URIError || status === 400) return notFound('path');
  if (status === 412) return conflict('The file is another one now.');
  if (status !== 416) return error;
  return new AppError('range_not_satisfiable', 'The file ends before this range.', undefined, headers);
}

/** Answers an HTTP/1.1 request without `Host` (RFC 9112, section 3.2). @returns whether it is one */
function refuseHostless(context: Context, request: IncomingMessage, response: ServerResponse): boolean {
  if (request.headers.host !== undefined || request.httpVersion !== '1.1') return false;
  const error = new AppError(
    'validation_failed',
    'The header Host is required.',
    [{ path: 'Host', message: 'required' }],
    { Connection: 'close' },
  );
  answerError(context, response, requestId(request, response), error);
  return true;
}

/** A browser may keep the file but asks each time whether it is still the same: a mended SDK is there at once. */
function revalidate(response: Response): void {
  response.setHeader('Cache-Control', 'no-cache');
}

function expressApp(context: Context): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('case sensitive routing', true);
  // The query is read in one place, which knows the contract's errors.
  app.set('query parser', false);
  app.use(apiRouter(context));
  app.use(operationsRouter(context));
  app.set('views', PAGES_DIRECTORY);
  app.set('view cache', !context.config.demo);
  app.use(pagesRouter(context));
  app.use(
    '/sdk',
    express.static(SDK_DIRECTORY, { index: false, cacheControl: false, setHeaders: revalidate }),
  );
  app.all(['/sdk/im.client.js', '/sdk/im.client.d.ts'], () => {
    throw methodNotAllowed(['GET', 'HEAD']);
  });
  app.use((request, response) => {
    answerError(context, response, requestId(request, response), notFound('path'));
  });
  const onError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
    answerError(context, response, requestId(request, response), ofExpress(error));
  };
  app.use(onError);
  return app;
}
