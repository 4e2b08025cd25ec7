import { UnfinishedRestore } from './db/restore-mark';
import { describeError } from './logger';
import { type Config } from './resources/config/config';

/** MySQL's and MariaDB's numbers (https://dev.mysql.com/doc/mysql-errors/9.7/en/server-error-reference.html). */
const ACCESS_DENIED = [1044, 1045, 1142, 1227, 1698];
const UNKNOWN_DATABASE = 1049;
const AWAY = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'ETIMEDOUT'];

/** Why the server can't start, in one plain line that names the setting; what nobody expects is told with its place. */
export function startFault(error: unknown, config: Pick<Config, 'databaseUrl' | 'host' | 'port'>): string {
  const { code, errno, hostname, syscall } = error as {
    code?: unknown;
    errno?: unknown;
    hostname?: unknown;
    syscall?: unknown;
  };
  if (error instanceof UnfinishedRestore) return error.message;
  const address = `${config.host}:${config.port}`;
  if (syscall === 'listen') {
    if (code === 'EADDRINUSE') {
      return `${address} is in use by another process (EADDRINUSE): end it, or set another IM_PORT`;
    }
    return `${address} can't be listened on (${String(code)}): set IM_HOST and IM_PORT`;
  }
  if (syscall === 'getaddrinfo' && hostname === config.host)
    return `${config.host} can't be found (${String(code)}): set IM_HOST to an address or a name of this machine`;
  if (typeof code === 'string' && AWAY.includes(code)) {
    return `the database that IM_DATABASE_URL names can't be reached (${code})`;
  }
  if (typeof errno === 'number' && ACCESS_DENIED.includes(errno)) {
    return `the database refuses the user or the password of IM_DATABASE_URL, or the user lacks a right (error ${errno})`;
  }
  if (errno === UNKNOWN_DATABASE) {
    return `there is no database ${new URL(config.databaseUrl).pathname.slice(1)}, which IM_DATABASE_URL names`;
  }
  if (typeof code === 'string' && /^SQLITE_(?:CANTOPEN|NOTADB|READONLY|PERM)/.test(code)) {
    const file = config.databaseUrl.slice('sqlite:'.length);
    return `${file}, which IM_DATABASE_URL names, can't be opened as a SQLite database (${code})`;
  }
  return describeError(error);
}
