import { readFileSync } from 'node:fs';
import { CompiledQuery, HandleEmptyInListsPlugin, Kysely, replaceWithNoncontingentExpression } from 'kysely';
import { createPool, type PoolConnection, type PoolOptions } from 'mysql2';
import { describeError, log } from '../../logger';
import { type MysqlUrl, parseMysqlUrl } from '../../resources/config/mysql-url';
import { type OpenedDatabase } from '../database';
import { withRetries } from '../retries';
import { type Schema } from '../schema';
import { type Run } from '../statement';
import { MysqlConnections } from './mysql-connections';
import { LocklessMysqlDialect } from './mysql-kysely';
import { mysqlDialect } from './mysql-dialect';
import { isUnavailable, withCode } from './mysql-errors';
import { runAsText } from './mysql-run';

/** Shorter than the 10 s that a request may wait; a writer's is much shorter, since every send waits for it. */
const LOCK_WAIT_SECONDS = { one: 8, writer: 2 };
const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 60_000;

/** While one batch of sends is committed, the next one locks and writes: 20 % more messages than one at a time. */
const BATCHES_AT_ONCE = 2;
/** With fewer connections there is one batch at a time. */
const ENOUGH_CONNECTIONS = 4;

/** Opens `mysql://user:password@host:port/database`. It connects at the first query. @param connections at most, over all; 2 or more */
export function openMysql(url: string, connections: number): OpenedDatabase {
  const parts = parseMysqlUrl(url);
  if (parts === undefined) throw new Error('no URL of a MySQL database');
  const { database, host, password, port, sslMode, user } = parts;
  const options: PoolOptions = {
    host,
    port,
    user,
    password,
    database,
    connectTimeout: CONNECT_TIMEOUT_MS,
    dateStrings: true,
    timezone: 'Z',
    // Literals take the connection's collation: it has to be the tables' own.
    charset: 'UTF8MB4_BIN',
    supportBigNumbers: true,
    decimalNumbers: true,
    stringifyObjects: true,
    jsonStrings: true,
    // A NAT forgets connections that are silent for minutes; `MysqlConnections` closes those that nobody uses before.
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    gracefulEnd: true,
  };
  const open = (own: PoolOptions, variables: string) =>
    new MysqlConnections(sslMode === 'PREFERRED', (isEncrypted) => {
      const pool = createPool({ ...options, ...own, ...(isEncrypted ? sslOptions(parts) : {}) });
      pool.on('connection', (connection) => prepareConnection(connection, variables));
      return pool;
    });
  const batches = connections < ENOUGH_CONNECTIONS ? 1 : BATCHES_AT_ONCE;
  const own = open(
    { connectionLimit: connections - batches },
    `innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS.one}`,
  );
  // Several statements in one text are for the writer alone; everywhere else they would only help an attacker.
  const ofWriter = open(
    { connectionLimit: batches, multipleStatements: true },
    `innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS.writer}, autocommit = 0`,
  );
  const kysely = new Kysely<Schema>({
    dialect: new LocklessMysqlDialect({ pool: own }),
    plugins: [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })],
  });
  return {
    kysely,
    dialect: mysqlDialect,
    transactionsAtOnce: batches,
    description: `mysql://${host}:${port}/${database}${sslMode === 'DISABLED' ? '' : ` (ssl-mode ${sslMode})`}`,
    transaction: (work) => withRetries(mysqlDialect, () => kysely.transaction().execute(work)),
    batchTransaction: (work) => inOneTransaction(ofWriter, work),
    isServer: true,
    ping: async () => {
      await kysely.executeQuery(CompiledQuery.raw('select 1'));
    },
    limitSilence: () => {
      own.limitSilence();
      ofWriter.limitSilence();
    },
    close: async () => {
      await Promise.all([own, ofWriter].map((each) => new Promise((resolve) => each.end(resolve))));
    },
  };
}

function sslOptions({ sslCa, sslMode }: MysqlUrl): Pick<PoolOptions, 'ssl'> {
  if (sslMode === 'DISABLED') return {};
  const ca = sslCa === undefined ? undefined : readFileSync(sslCa, 'utf8');
  return {
    ssl: {
      ...(ca === undefined ? {} : { ca }),
      rejectUnauthorized: sslMode === 'VERIFY_CA' || sslMode === 'VERIFY_IDENTITY',
      verifyIdentity: sslMode === 'VERIFY_IDENTITY',
    },
  };
}

function prepareConnection(connection: PoolConnection, variables: string): void {
  const statements = [
    // Each statement sees what was committed before it, also after it has waited for a lock.
    'set session transaction isolation level read committed',
    `set time_zone = '+00:00', ${variables},
     sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'`,
  ];
  for (const statement of statements) {
    connection.query(statement, (error: unknown) => {
      if (!(error instanceof Error)) return;
      // Whoever uses the connection meets the outage, too.
      if (!isUnavailable(withCode(error)))
        log.warn(`a connection to the database could not be set up: ${describeError(error)}`);
      connection.destroy();
    });
  }
}

/**
 * COMMIT goes by itself: its answer alone says whether all of it is stored. (On two nodes of Galera a COMMIT in one text with its
 * work was seen to say so of what was not.)
 *
 * No BEGIN: a connection without autocommit is in a transaction from its first statement on, and always. A node of Galera may roll
 * one back between two statements of a text. After a BEGIN it then runs the next one by itself, and tells nobody; without
 * autocommit it says 1213. (https://mariadb.com/docs/server/ref/mdb/system-variables/wsrep_retry_autocommit)
 */
async function inOneTransaction<T>(pool: MysqlConnections, work: (run: Run) => Promise<T>): Promise<T> {
  const connection = await pool.lend();
  try {
    const value = await work(runAsText(connection));
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
