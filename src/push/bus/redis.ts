import { Redis } from 'ioredis';

const CONNECT_TIMEOUT_MS = 3_000;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2_000;
/** No command waits longer for its answer. */
const COMMAND_TIMEOUT_MS = 1_000;

/** After so many calls V8 surely remembers what it found; it begins within the first ten. */
const REMEMBERED_AFTER_CALLS = 100;

makeStringsFast();

/**
 * A connection to Redis that begins at once and comes back by itself, for ever. A command that can't be sent now, or is
 * not answered within a second, fails: nothing is queued for later, when it would come too late.
 * @param url `redis://user:password@host:port/db`, or `rediss:` for TLS
 */
export function connectRedis(url: string): Redis {
  const redis = new Redis(url, {
    // Everything used here is the same in RESP2, which older servers and proxies speak, too.
    protocol: 2,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: 500,
    commandTimeout: COMMAND_TIMEOUT_MS,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    retryStrategy: (attempt) =>
      Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10), LAST_RETRY_MS) * (0.75 + Math.random() / 2),
  });
  // Whoever uses the connection looks at its state; an unheard 'error' would end the process.
  redis.on('error', () => undefined);
  return redis;
}

/** `redis://host:port/db`, without user and password. */
export function describeRedis(url: string): string {
  const { hostname, pathname, port, protocol } = new URL(url);
  return `${protocol}//${hostname}:${port === '' ? '6379' : port}${pathname === '/' ? '' : pathname}`;
}

/** The number of the database in the URL: channels, unlike keys, are not kept apart by it. */
export function databaseNumber(url: string): number {
  return Number(/^\/(\d+)/.exec(new URL(url).pathname)?.[1] ?? 0);
}

/** Why it failed, in a word that holds no secret: a system's code, or the first word of Redis's own error. */
export function redisFault(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? /^[A-Z]{4,}/.exec(message ?? '')?.[0] ?? 'no connection';
}

/**
 * ioredis has a class that extends String. V8 keeps String.prototype in a slow form after that: each `charCodeAt` and `slice` of this
 * process searches it anew, and calls on plain strings don't end it. Calls on a String object do, once V8 remembers them. It
 * brings 5 to 7 % of the messages a second (`doc/performance.md`).
 */
function makeStringsFast(): void {
  const firstCode = (text: string) => text.charCodeAt(0);
  for (let call = 0; call < REMEMBERED_AFTER_CALLS; call += 1) firstCode(Object('') as string);
}
