import { availableParallelism } from 'node:os';
import {
  CompiledQuery,
  HandleEmptyInListsPlugin,
  Kysely,
  MysqlDialect,
  replaceWithNoncontingentExpression,
} from 'kysely';
import { createPool, type PoolConnection, type PoolOptions } from 'mysql2';
import { type Database } from '../database';
import { withRetries } from '../retries';
import { type Schema } from '../schema';
import { type Run, statement } from '../statement';
import { MysqlConnections } from './mysql-connections';
import { mysqlDialect } from './mysql-dialect';
import { runAsText } from './mysql-run';

/** Shorter than the 10 s that a request may wait; a writer's is much shorter, since every send waits for it. */
const LOCK_WAIT_SECONDS = { one: 8, writer: 2 };
const CONNECT_TIMEOUT_MS = 5_000;

/** Opens `mysql://user:password@host:port/database`. It connects at the first query. @param connections at most, over all */
export function openMysql(url: string, connections: number): Database {
  const { hostname, pathname, port } = new URL(url);
  const options: PoolOptions = {
    uri: url,
    connectTimeout: CONNECT_TIMEOUT_MS,
    dateStrings: true,
    timezone: 'Z',
    // Literals take the connection's collation: it has to be the tables' own.
    charset: 'UTF8MB4_BIN',
    supportBigNumbers: true,
    decimalNumbers: true,
    stringifyObjects: true,
    jsonStrings: true,
    enableKeepAlive: true,
  };
  const writers = Number(process.env.W ?? (availableParallelism() > 2 ? 2 : 1));
  const pool = createPool({ ...options, connectionLimit: Math.max(1, connections - writers) });
  // Several statements in one text are for the writers alone; everywhere else they would only help an attacker.
  const writerPool = createPool({ ...options, connectionLimit: writers, multipleStatements: true });
  pool.on('connection', (connection) => prepareConnection(connection, LOCK_WAIT_SECONDS.one));
  writerPool.on('connection', (connection) => prepareConnection(connection, LOCK_WAIT_SECONDS.writer));
  const own = new MysqlConnections(pool);
  const ofWriters = new MysqlConnections(writerPool);
  const kysely = new Kysely<Schema>({
    dialect: new MysqlDialect({ pool: own }),
    plugins: [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })],
  });
  return {
    kysely,
    dialect: mysqlDialect,
    writers,
    description: `mysql://${hostname}:${port === '' ? '3306' : port}${pathname}`,
    transaction: (work) => withRetries(mysqlDialect, () => kysely.transaction().execute(work)),
    batchTransaction: (work) => withRetries(mysqlDialect, () => inOneTransaction(ofWriters, work)),
    ping: async () => {
      await kysely.executeQuery(CompiledQuery.raw('select 1'));
    },
    limitSilence: () => {
      own.limitSilence();
      ofWriters.limitSilence();
    },
    close: async () => {
      await Promise.all([own, ofWriters].map((each) => new Promise((resolve) => each.end(resolve))));
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
 * BEGIN goes with the first statements, COMMIT by itself: its answer alone says whether all of it is stored. (On two nodes of
 * Galera a COMMIT in one text with its work was seen to say so of what was not.)
 */
async function inOneTransaction<T>(pool: MysqlConnections, work: (run: Run) => Promise<T>): Promise<T> {
  const connection = await pool.lend();
  const run = runAsText(connection);
  let begin = [statement('start transaction')];
  try {
    const value = await work(async (statements) => {
      const first = begin;
      begin = [];
      const results = await run([...first, ...statements]);
      return results.slice(first.length);
    });
    await connection.ask('commit');
    connection.release();
    return value;
  } catch (error) {
    // Whatever state a failed connection is in, closing it rolls back.
    await connection.ask('rollback').then(
      () => connection.release(),
      () => connection.destroy(),
    );
    throw error;
  }
}
