import path from 'node:path';
import type BetterSqlite from 'better-sqlite3';
import mysql from 'mysql2/promise';
import { hasMariaDb, startMariaDb } from '../support/private-mariadb';
import { hasMySqlServer, startMySql } from '../support/private-mysql';
import { type PrivateSqlServer } from '../support/private-sql-server';
import { removeFolder, temporaryFolder } from '../support/processes';
import { hasMySql, mySqlUrl } from '../support/shared-servers';
import { dropDatabases, sqlServerAt } from '../support/sql-server';
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
  /** Of the database's own process; undefined where it runs inside the server, or was not started by us. */
  readonly pid: number | undefined;
  /** An empty database. */
  create(): Promise<Tables>;
  remove(): Promise<void>;
}

export function isInstalled(name: DatabaseName): boolean {
  if (name === 'mariadb') return hasMariaDb();
  if (name === 'mysql') return hasMySql();
  try {
    require.resolve('better-sqlite3');
    return true;
  } catch {
    return false;
  }
}

/** @throws where the database does not come up, or does not keep what it commits */
export async function openBenchDatabase(name: DatabaseName): Promise<BenchDatabase> {
  if (name === 'sqlite') return openSqlite();
  const options = { durable: true, large: true };
  if (name === 'mariadb') return await openPrivate(name, await startMariaDb(options));
  if (hasMySqlServer()) return await openPrivate(name, await startMySql(options));
  return await openKnownMySql(mySqlUrl() ?? '');
}

async function openPrivate(name: 'mariadb' | 'mysql', server: PrivateSqlServer): Promise<BenchDatabase> {
  return {
    name,
    version: await versionOf(server.base),
    get pid() {
      return server.pid;
    },
    create: async () => mysqlTables(await server.createDatabase()),
    remove: () => server.remove(),
  };
}

/** A MySQL that runs already, as it is set up. */
async function openKnownMySql(base: string): Promise<BenchDatabase> {
  const server = sqlServerAt(base);
  const admin = await mysqlTables(base);
  const [row] = await admin.rows(
    'select @@innodb_flush_log_at_trx_commit as log, @@log_bin as binary_log, @@sync_binlog as sync',
  );
  await admin.close();
  // As MySQL comes; a faster one would be compared with others that wait for the disk.
  if (row?.log !== 1 || (row.binary_log === 1 && row.sync !== 1)) {
    throw new Error(
      'the MySQL at IM_TEST_MYSQL_URL does not flush each commit: its figures would mean nothing',
    );
  }
  return {
    name: 'mysql',
    version: await versionOf(base),
    pid: undefined,
    create: async () => mysqlTables(await server.createDatabase()),
    remove: () => dropDatabases(base),
  };
}

async function versionOf(base: string): Promise<string> {
  const admin = await mysqlTables(base);
  const [row] = await admin.rows('select version() as version');
  await admin.close();
  const version = String(row?.version);
  return `${/mariadb/i.test(version) ? 'MariaDB' : 'MySQL'} ${version}`;
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
