import http from 'node:http';
import { type AddressInfo } from 'node:net';
import { startMariaDb } from './private-mariadb';
import { hasMySqlServer, startMySql } from './private-mysql';
import { dropDatabases, type SqlServer, sqlServerAt } from './sql-server';

/**
 * The servers that all suites of a run share, and what is said once a run. Mocha runs test files in several worker
 * processes; the main process keeps the servers, starts each when it is first asked for, and tells its address by HTTP.
 * A suite that stops, freezes or floods a server starts one of its own.
 */

export type SqlServerName = 'mariadb' | 'mysql';

/** Where the main process listens, for the workers. */
const ADDRESS = 'IM_TEST_SHARED';

/** A MySQL that runs already: the URL of an account that may create databases. */
export function mySqlUrl(): string | undefined {
  const url = process.env.IM_TEST_MYSQL_URL;
  return url === undefined || url === '' ? undefined : url;
}

export function hasMySql(): boolean {
  return mySqlUrl() !== undefined || hasMySqlServer();
}

/** A server, as the main process keeps it. */
interface Kept {
  base: string;
  end(): Promise<void>;
}

async function startShared(name: SqlServerName): Promise<Kept> {
  const base = name === 'mysql' ? mySqlUrl() : undefined;
  // This server outlives us: our databases must not.
  if (base !== undefined) return { base, end: () => dropDatabases(base) };
  const server = await (name === 'mysql' ? startMySql() : startMariaDb());
  return { base: server.base, end: () => server.remove() };
}

const kept = new Map<SqlServerName, Promise<Kept>>();
const notes = new Set<string>();
let listener: http.Server | undefined;

async function answer(path: string): Promise<string> {
  const name = path.slice(1);
  if (name === 'mariadb' || name === 'mysql') {
    const server = kept.get(name) ?? startShared(name);
    kept.set(name, server);
    return (await server).base;
  }
  const note = decodeURIComponent(name.replace(/^note\//, ''));
  if (!notes.has(note)) console.warn(note);
  notes.add(note);
  return '';
}

/** For the main process, before the first test. */
export async function keepServers(): Promise<void> {
  const server = http.createServer((request, response) => {
    answer(request.url ?? '/').then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A run that is broken off must not be kept alive.
  server.unref();
  listener = server;
  process.env[ADDRESS] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** For the main process, after the last test. */
export async function endServers(): Promise<void> {
  listener?.close();
  listener?.closeAllConnections();
  await Promise.all([...kept.values()].map(async (server) => (await server.catch(() => undefined))?.end()));
  kept.clear();
}

async function ask(path: string): Promise<string> {
  const address = process.env[ADDRESS];
  if (address === undefined) throw new Error('mocha was started without test/support/mocha-hooks.ts');
  const response = await fetch(`${address}/${path}`);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}

const known = new Map<SqlServerName, Promise<SqlServer>>();

/** The run's own server of that kind. @throws where it is not installed or does not come up */
export function sharedServer(name: SqlServerName): Promise<SqlServer> {
  const server = known.get(name) ?? ask(name).then(sqlServerAt);
  known.set(name, server);
  return server;
}

/** Prints a line, which is printed once however many suites and workers have it to say. */
export async function noteOnce(text: string): Promise<void> {
  await ask(`note/${encodeURIComponent(text)}`);
}
