import { type IncomingMessage } from 'node:http';
import cors from 'cors';
import { LRUCache } from 'lru-cache';
import { log } from '../logger';

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': ':80', 'https:': ':443' };
const WARN_EVERY_MS = 60_000;

/**
 * Which pages may call the server (Fetch standard, CORS protocol), for REST and for the WebSocket: those of its own origin, and
 * those that the setting lists.
 */
export class Origins {
  readonly #isAll: boolean;
  readonly #exact: ReadonlySet<string>;
  /** `https://*.example.com` as its two parts. */
  readonly #patterns: readonly { scheme: string; suffix: string }[];
  readonly #warned = new LRUCache<string, true>({ max: 1_000, ttl: WARN_EVERY_MS });

  /** @param allowed the setting's entries; undefined: the own origin alone */
  constructor(allowed: readonly string[] = []) {
    this.#isAll = allowed[0] === '*';
    this.#exact = new Set(allowed);
    this.#patterns = allowed.flatMap((entry) => {
      const at = entry.indexOf('://*.');
      return at === -1 ? [] : [{ scheme: entry.slice(0, at + 3), suffix: entry.slice(at + 4) }];
    });
  }

  mayCall({ headers }: IncomingMessage): boolean {
    const { host, origin } = headers;
    if (origin === undefined || this.#isAll || this.#exact.has(origin) || isOwn(origin, host)) return true;
    return this.#patterns.some(
      ({ scheme, suffix }) =>
        origin.startsWith(scheme) && origin.endsWith(suffix) && origin.length > scheme.length + suffix.length,
    );
  }

  /** The same for a socket's upgrade. A refusal is logged, once a minute for an origin: its page has no other way to tell why. */
  mayConnect(request: IncomingMessage): boolean {
    if (this.mayCall(request)) return true;
    const { host, origin = '' } = request.headers;
    if (!this.#warned.has(origin)) {
      this.#warned.set(origin, true);
      log.warn(
        `a socket of a page of ${shown(origin)} was refused by ${shown(host ?? '')}: IM_CORS_ORIGINS does not list that origin`,
      );
    }
    return false;
  }

  /** For what names an origin: answers preflights, and says who may read the answer. */
  cors() {
    return cors<IncomingMessage>((request, callback) =>
      callback(null, {
        origin: this.#isAll ? '*' : this.mayCall(request),
        methods: ['GET', 'POST', 'PUT', 'DELETE'],
        allowedHeaders: [
          'Authorization',
          'Content-Type',
          'X-IM-App-Key',
          'X-Request-Id',
          // Older libraries add it to whatever they send.
          'X-Requested-With',
        ],
        exposedHeaders: ['X-Request-Id', 'Retry-After', 'Allow'],
        maxAge: 600,
      }),
    );
  }
}

/** Whether a page came from this very server. A proxy may have added the default port to `Host`, or taken it off. */
function isOwn(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const port = DEFAULT_PORTS[page.protocol];
  const own = host.toLowerCase();
  return page.host === (port !== undefined && own.endsWith(port) ? own.slice(0, -port.length) : own);
}

/** What a client named, as far as it fits into a line of the log. */
function shown(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
