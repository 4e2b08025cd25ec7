import path from 'node:path';
import type BetterSqlite from 'better-sqlite3';
import mysql from 'mysql2/promise';
import { hasMariaDb, startMariaDb } from '../support/private-mariadb';
import { removeFolder, temporaryFolder } from '../support/processes';
import { type DatabaseName } from './options';

export type Row = Record<string, number | string | null>;

/** A database beside the server that uses it: for filling its tables and for looking at what is in them. */
export interface Tables {
  readonly url: string;
  rows(sql: string, values?: (number | string)[]): Promise<Row[]>;
  run(sql: string, values?: (number | string)[]): Promise<void>;
  close(): Promise<void>;
}

/** Where the servers under test keep their data: every commit reaches the disk. */
export interface BenchDatabase {
  readonly name: DatabaseName;
  readonly version: string;
  /** Of the database's own process; undefined where it runs inside the server. */
  readonly pid: number | undefined;
  /** An empty database. */
  create(): Promise<Tables>;
  remove(): Promise<void>;
}

export function isInstalled(name: DatabaseName): boolean {
  if (name === 'mariadb') return hasMariaDb();
  try {
    require.resolve('better-sqlite3');
    return true;
  } catch {
    return false;
  }
}

export async function openBenchDatabase(name: DatabaseName): Promise<BenchDatabase> {
  return name === 'mariadb' ? openMariaDb() : openSqlite();
}

async function openMariaDb(): Promise<BenchDatabase> {
  const server = await startMariaDb({ durable: true, large: true });
  const admin = await mysqlTables(server.url('mysql'));
  const [row] = await admin.rows('select version() as version');
  await admin.close();
  return {
    name: 'mariadb',
    version: `MariaDB ${String(row?.version)}`,
    get pid() {
      return server.pid;
    },
    create: async () => mysqlTables(await server.createDatabase()),
    remove: () => server.remove(),
  };
}

async function mysqlTables(url: string): Promise<Tables> {
  const connection = await mysql.createConnection({ uri: url, dateStrings: true, charset: 'UTF8MB4_BIN' });
  await connection.query(`set time_zone = '+00:00'`);
  return {
    url,
    rows: async (sql, values = []) => (await connection.query(sql, values))[0] as Row[],
    run: async (sql, values = []) => {
      await connection.query(sql, values);
    },
    close: () => connection.end(),
  };
}

function openSqlite(): BenchDatabase {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an optional dependency
  const Driver = require('better-sqlite3') as typeof BetterSqlite;
  const folder = temporaryFolder('im-bench-');
  let databases = 0;
  const probe = new Driver(':memory:');
  const { version } = probe.prepare('select sqlite_version() as version').get() as { version: string };
  probe.close();
  return {
    name: 'sqlite',
    version: `SQLite ${version}`,
    pid: undefined,
    create: () => {
      const file = path.join(folder, `${++databases}.db`);
      const database = new Driver(file, { timeout: 10_000 });
      database.pragma('journal_mode = WAL');
      return Promise.resolve({
        url: `sqlite:${file}`,
        rows: (sql, values = []) => Promise.resolve(database.prepare(sql).all(...values) as Row[]),
        run: (sql, values = []) => Promise.resolve(void database.prepare(sql).run(...values)),
        close: () => Promise.resolve(void database.close()),
      });
    },
    remove: () => {
      removeFolder(folder);
      return Promise.resolve();
    },
  };
}
