import { mkdirSync } from 'node:fs';
import { type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CompiledQuery,
  HandleEmptyInListsPlugin,
  Kysely,
  MysqlDialect,
  replaceWithNoncontingentExpression,
  type Transaction,
} from 'kysely';
import mysql2, { type Pool, type PoolConnection, type PoolOptions } from 'mysql2';
import {
  type Dialect,
  ImmediateSqliteDialect,
  mysql,
  mysqlExpectChanges,
  mysqlText,
  type RunTogether,
  sqlite,
  type StatementResult,
  WithoutRowLocks,
} from './dialect';
import { runPipelined, runPipelinedBehind } from './mysql-pipeline';
import { type Schema } from './schema';
import { type Statement, statement } from './sql-text';
import { SqliteCommitter } from './sqlite-committer';
import {
  expectChanges,
  openFile as openDriver,
  Outdated,
  runAll,
  withIds,
  withStatementCache,
} from './sqlite-statements';

export type Queryable = Kysely<Schema>;

export interface Database {
  readonly kysely: Kysely<Schema>;
  readonly dialect: Dialect;
  /** Where it is, without the password: for the log. */
  readonly description: string;
  /**
   * Runs `work` in a transaction, and again (5 times at most) after a deadlock.
   * Inside use only the transaction handed in: SQLite has one connection.
   */
  transaction<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /**
   * Lends a connection for statements run together. A failure rolls back what is open and is thrown on.
   * @param options `brief`: so little that nobody minds when this process waits for the disk, which is sooner done than
   * asking a thread
   */
  connection<T>(work: (run: RunTogether) => Promise<T>, options?: { brief?: boolean }): Promise<T>;
  /** @throws the driver's error when the database can't be reached */
  ping(): Promise<void>;
  /**
   * From now on a connection that is silent for longer than a request may wait counts as lost. Not before the schema is
   * up to date: a step of it may take as long as it takes.
   */
  limitSilence(): void;
  close(): Promise<void>;
}

/** Shorter than the 10 s that a request may wait; of the writer's, for whom everybody else waits, much shorter. */
const LOCK_WAIT_SECONDS = { one: 8, writer: 2 };
const CONNECT_TIMEOUT_MS = 5_000;
/** Longer than a statement may wait for a lock, shorter than the 10 s. */
const SILENCE_LIMIT_MS = 9_000;

/**
 * Opens `sqlite:<file>`, `sqlite::memory:` or `mysql://user:password@host:port/database`. MySQL connects at the first query.
 * @throws Error with a sentence for the operator when the embedded driver is missing or the file can't be opened
 */
export function openDatabase(url: string, options: { connections?: number } = {}): Database {
  return url.startsWith('sqlite:')
    ? openSqlite(url.slice('sqlite:'.length))
    : openMysql(url, options.connections ?? 12);
}

/** The statements of `run` inside a transaction of Kysely's, one after the other. */
export function runIn(trx: Transaction<Schema>): RunTogether {
  return async (statements) => {
    const results: StatementResult[] = [];
    for (const each of statements) {
      const { rows, insertId, numAffectedRows } = await trx.executeQuery(
        CompiledQuery.raw(each.sql, withIds(each.parameters, results)),
      );
      expectChanges(each, Number(numAffectedRows ?? 0));
      results.push({
        rows: rows as Record<string, unknown>[],
        insertId: Number(insertId ?? 0),
        affectedRows: Number(numAffectedRows ?? 0),
      });
    }
    return results;
  };
}

async function withRetries<T>(dialect: Dialect, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= 5 || !dialect.isRetryable(error)) throw error;
      await sleep(Math.random() * 20 * attempt);
    }
  }
}

function openMysql(url: string, connections: number): Database {
  const { hostname, port, pathname } = new URL(url);
  const options: PoolOptions = {
    uri: url,
    connectTimeout: CONNECT_TIMEOUT_MS,
    dateStrings: true,
    timezone: 'Z',
    // Literals in a derived table take the connection's collation: it has to be the tables' own.
    charset: 'UTF8MB4_BIN',
    supportBigNumbers: true,
    decimalNumbers: true,
    stringifyObjects: true,
    jsonStrings: true,
    enableKeepAlive: true,
  };
  const pool = mysql2.createPool({ ...options, connectionLimit: connections });
  // Several statements in one query are for the writer alone; everywhere else they would only help an attacker.
  const writers = mysql2.createPool({ ...options, connectionLimit: connections, multipleStatements: true });
  let limited = false;
  let isMariaDb = false;
  pool.on('connection', (connection) => prepareConnection(connection, LOCK_WAIT_SECONDS.one));
  writers.on('connection', (connection) => prepareConnection(connection, LOCK_WAIT_SECONDS.writer));
  for (const each of [pool, writers]) dropSilent(each, () => limited);
  // On MySQL a pipeline was never tried.
  writers.on('connection', (connection) => {
    connection.query('select version() as version', (_error: unknown, rows: unknown) => {
      const [row] = Array.isArray(rows) ? (rows as { version: string }[]) : [];
      isMariaDb = row?.version.includes('MariaDB') ?? isMariaDb;
    });
  });
  const kysely = new Kysely<Schema>({
    dialect: new MysqlDialect({ pool: () => Promise.resolve(pool as never) }),
    plugins: [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })],
  });
  return {
    kysely,
    dialect: mysql,
    description: `mysql://${hostname}:${port === '' ? '3306' : port}${pathname}`,
    transaction: (work) => withRetries(mysql, () => kysely.transaction().execute(work)),
    connection: (work) => withRetries(mysql, () => onMysqlConnection(writers, isMariaDb, work)),
    ping: async () => {
      await kysely.executeQuery(CompiledQuery.raw('select 1'));
    },
    limitSilence: () => {
      limited = true;
    },
    close: async () => {
      await kysely.destroy();
      // Kysely closes a pool only when it has used it.
      await Promise.all(
        [pool, writers].map((each) =>
          each
            .promise()
            .end()
            .catch(() => undefined),
        ),
      );
    },
  };
}

function prepareConnection(connection: PoolConnection, lockWaitSeconds: number): void {
  const statements = [
    // Each statement sees what was committed before it, also after it has waited for a lock.
    'set session transaction isolation level read committed',
    `set time_zone = '+00:00', innodb_lock_wait_timeout = ${lockWaitSeconds},
     sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'`,
  ];
  for (const statement of statements) {
    connection.query(statement, (error: unknown) => {
      if (error instanceof Error) connection.destroy();
    });
  }
}

/**
 * A host that freezes, or a network that swallows everything, never says that a connection is lost, and TCP takes many
 * minutes to notice; mysql2 waits as long. So a connection that somebody waits on in vain is broken off: whoever waits
 * gets the error of a lost connection, and the next one asks a new connection.
 */
function dropSilent(pool: Pool, limited: () => boolean): void {
  const lent = new WeakSet<PoolConnection>();
  pool.on('acquire', (connection) => void lent.add(connection));
  pool.on('release', (connection) => void lent.delete(connection));
  pool.on('connection', (connection) => {
    const { stream: socket } = connection as unknown as { stream: Socket };
    socket.setTimeout(SILENCE_LIMIT_MS, () => {
      if (!limited() || !lent.has(connection)) return;
      socket.destroy(Object.assign(new Error('the database is silent'), { code: 'ETIMEDOUT' }));
    });
  });
}

/** With the driver's callbacks: its promises build a stack for every query, which costs as much as all the rest of it. */
function query(connection: PoolConnection, text: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // null: not even looked through for placeholders, since what a user wrote may look like one.
    connection.query(text, null, (error, result) => {
      if (error instanceof Error) reject(error);
      else resolve(result);
    });
  });
}

function lend(pool: Pool): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => {
      if (error instanceof Error) reject(error);
      else resolve(connection);
    });
  });
}

/** @param pipelines whether the server is known to take `runPipelined` */
async function onMysqlConnection<T>(
  pool: Pool,
  pipelines: boolean,
  work: (run: RunTogether) => Promise<T>,
): Promise<T> {
  const connection = await lend(pool);
  const each = async (statements: readonly Statement[]): Promise<StatementResult[]> => {
    const texts: string[] = [];
    // Where each statement's own result is among those of the texts.
    const places = statements.map((one) => {
      const place = texts.push(mysqlText(one)) - 1;
      if (one.changes !== undefined) texts.push(mysqlExpectChanges(one.changes));
      return place;
    });
    const result = await query(connection, texts.join(';\n'));
    const results = texts.length === 1 ? [result] : (result as unknown[]);
    return places.map((place) => {
      const found = results[place];
      if (Array.isArray(found)) {
        return { rows: found as Record<string, unknown>[], insertId: 0, affectedRows: 0 };
      }
      const { insertId, affectedRows } = found as { insertId: number; affectedRows: number };
      return { rows: [], insertId, affectedRows };
    });
  };
  let last: Promise<unknown> = Promise.resolve();
  const asLast = <T>(answer: Promise<T>): Promise<T> => {
    last = answer;
    return answer;
  };
  const together = (statements: readonly Statement[]) => asLast(each(statements));
  const pipelined = (statements: readonly Statement[]) => asLast(runPipelined(connection, statements));
  const behind = (statements: readonly Statement[]) => {
    const sent = runPipelinedBehind(connection, statements);
    return sent === undefined
      ? afterLast(
          () => last,
          async () => (await pipelined(statements)) ?? (await together(statements)),
        )
      : asLast(sent);
  };
  const run: RunTogether = pipelines ? Object.assign(together, { pipelined, behind }) : each;
  try {
    const value = await work(run);
    connection.release();
    return value;
  } catch (error) {
    // Whatever state a failed connection is in, closing it rolls back.
    await query(connection, 'rollback').then(
      () => connection.release(),
      () => connection.destroy(),
    );
    throw error;
  }
}

/** Where a transaction can't be sent behind the last one, it waits for that. @throws Outdated when that one fails */
async function afterLast<T>(last: () => Promise<unknown>, next: () => Promise<T>): Promise<T> {
  let before: Promise<unknown> | undefined;
  // What could not be run in the one way is run in another.
  while (before !== last()) {
    before = last();
    await before.catch(() => {
      throw new Outdated();
    });
  }
  return next();
}

function openSqlite(file: string): Database {
  const inMemory = file === ':memory:';
  if (!inMemory) mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  const cached = withStatementCache(openFile(file));
  const kysely = new Kysely<Schema>({
    dialect: new ImmediateSqliteDialect({ database: cached }),
    plugins: [
      new WithoutRowLocks(),
      new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression }),
    ],
  });
  const committer = inMemory ? undefined : new SqliteCommitter(file);
  // Promises all the same: a failure of the driver is a rejection, as with MySQL.
  const here: RunTogether = (statements) => Promise.resolve().then(() => runAll(cached.prepare, statements));
  const there: RunTogether =
    committer === undefined
      ? here
      : Object.assign((statements: readonly Statement[]) => committer.run(statements), {
          behind: (statements: readonly Statement[]) => committer.run(statements, { behind: true }),
        });
  return {
    kysely,
    dialect: sqlite,
    description: `sqlite:${file}`,
    transaction: (work) => withRetries(sqlite, () => kysely.transaction().execute(work)),
    connection: (work, { brief = false } = {}) =>
      withRetries(sqlite, () => alone(kysely, brief ? here : there, work)),
    ping: async () => {
      await kysely.executeQuery(CompiledQuery.raw('select 1'));
    },
    limitSilence: () => undefined,
    close: async () => {
      await committer?.close();
      await kysely.destroy();
      cached.close();
    },
  };
}

/** Kysely lends its one connection, and so keeps everybody else from reading and writing while `run` is used. */
function alone<T>(
  kysely: Kysely<Schema>,
  run: RunTogether,
  work: (run: RunTogether) => Promise<T>,
): Promise<T> {
  return kysely.connection().execute(async () => {
    try {
      return await work(run);
    } catch (error) {
      // It fails where no transaction was open.
      await run([statement('rollback')]).catch(() => undefined);
      throw error;
    }
  });
}

/** @throws Error with a sentence for the operator when the driver is not installed */
function openFile(file: string) {
  try {
    return openDriver(file);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(
      'The embedded database needs the optional package better-sqlite3, which is not installed: run "npm install better-sqlite3", or set IM_DATABASE_URL to a mysql:// URL',
      { cause: error },
    );
  }
}
