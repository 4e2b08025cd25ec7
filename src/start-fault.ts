import { describeError } from './logger';
import { type Config } from './resources/config/config';

/** MySQL's and MariaDB's numbers (https://dev.mysql.com/doc/mysql-errors/9.7/en/server-error-reference.html). */
const ACCESS_DENIED = [1044, 1045, 1142, 1227, 1698];
const UNKNOWN_DATABASE = 1049;

/** Why the server can't start, in one plain line that names the setting; what nobody expects is told with its place. */
export function startFault(error: unknown, config: Pick<Config, 'databaseUrl' | 'host' | 'port'>): string {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  const address = `${config.host}:${config.port}`;
  if (code === 'EADDRINUSE') return `${address} is in use by another process: end it, or set another IM_PORT`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${address} is no address of this machine: IM_HOST takes one of its own, or 0.0.0.0`;
  }
  if (code === 'EACCES') return `${address} may not be listened on by this account: set another IM_PORT`;
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
