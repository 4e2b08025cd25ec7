import path from 'node:path';
import {
  CompiledQuery,
  HandleEmptyInListsPlugin,
  Kysely,
  replaceWithNoncontingentExpression,
  type SqliteStatement,
} from 'kysely';
import { LRUCache } from 'lru-cache';
import { makeFolder } from '../../folders';
import { type OpenedDatabase } from '../database';
import { withRetries } from '../retries';
import { type Schema } from '../schema';
import { type Run, runInTurn, type Statement, type StatementResult } from '../statement';
import { sqliteDialect } from './sqlite-dialect';
import { openDriver, type SqliteDriver } from './sqlite-driver';
import { BEGIN, ImmediateSqliteDialect, WithoutRowLocks } from './sqlite-kysely';

/** Preparing costs more than running a small statement, and the server's statements are few. */
const STATEMENTS_KEPT = 500;

const SETTINGS = [
  'busy_timeout = 5000',
  'journal_mode = wal',
  // What was answered survives a power cut, too; the group commit makes it cheap.
  'synchronous = full',
  // A page that many commits change goes into the database file once; until then it is in the log (40 MB at most) and in memory.
  'wal_autocheckpoint = 10000',
  'cache_size = -65536',
  // What a statement of many rows keeps to be able to take itself back would be written to a file from 64 KiB on.
  'temp_store = memory',
];

/**
 * Opens `:memory:` or a file, whose folder is made. It has one connection, which runs in the server's own thread.
 * @throws Error with a sentence for the operator where no driver is there; the driver's error when the file can't be opened
 */
export function openSqlite(file: string): OpenedDatabase {
  if (file !== ':memory:') makeFolder(path.dirname(file));
  const driver = withStatementsKept(openDriver(file));
  for (const setting of SETTINGS) run(driver, `pragma ${setting}`);
  const kysely = new Kysely<Schema>({
    dialect: new ImmediateSqliteDialect({ database: driver }),
    plugins: [
      new WithoutRowLocks(),
      new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression }),
    ],
  });
  return {
    kysely,
    dialect: sqliteDialect,
    transactionsAtOnce: 1,
    description: `sqlite:${file} (${driver.name})`,
    transaction: (work) => withRetries(sqliteDialect, () => kysely.transaction().execute(work)),
    batchTransaction: (work) => inOneTransaction(kysely, driver, work),
    isServer: false,
    ping: async () => {
      await kysely.executeQuery(CompiledQuery.raw('select 1'));
    },
    limitSilence: () => undefined,
    close: async () => {
      await kysely.destroy();
      driver.close();
    },
  };
}

function withStatementsKept(driver: SqliteDriver): SqliteDriver {
  const kept = new LRUCache<string, SqliteStatement>({ max: STATEMENTS_KEPT });
  let isOpen = true;
  return {
    name: driver.name,
    prepare: (sql) => {
      let statement = kept.get(sql);
      if (statement === undefined) kept.set(sql, (statement = driver.prepare(sql)));
      return statement;
    },
    close: () => {
      if (isOpen) driver.close();
      isOpen = false;
    },
  };
}

function run(driver: SqliteDriver, sql: string): void {
  const statement = driver.prepare(sql);
  if (statement.reader) statement.all([]);
  else statement.run([]);
}

/** Kysely lends its one connection, and so keeps everybody else from reading and writing meanwhile. */
function inOneTransaction<T>(
  kysely: Kysely<Schema>,
  driver: SqliteDriver,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const runOne = ({ makes, sql, values }: Statement): StatementResult => {
    const statement = driver.prepare(sql);
    if (statement.reader) return { rows: statement.all(values) as Record<string, unknown>[], firstId: 0 };
    const { lastInsertRowid } = statement.run(values);
    return { rows: [], firstId: sqliteDialect.firstId(Number(lastInsertRowid), makes?.rows ?? 1) };
  };
  return kysely.connection().execute(async () => {
    run(driver, BEGIN);
    try {
      const value = await work((statements) => runInTurn(statements, runOne));
      run(driver, 'commit');
      return value;
    } catch (error) {
      rollBack(driver);
      throw error;
    }
  });
}

function rollBack(driver: SqliteDriver): void {
  try {
    run(driver, 'rollback');
  } catch {
    // SQLite has rolled back by itself (a full disk, say), and the caller throws the error that tells why.
  }
}
