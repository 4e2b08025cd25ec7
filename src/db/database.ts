import { type Kysely, type Transaction } from 'kysely';
import { type Dialect } from './dialect';
import { openMysql } from './mysql/mysql-database';
import { Outage } from './outage';
import { type Schema } from './schema';
import { openSqlite } from './sqlite/sqlite-database';
import { lockSqliteFile } from './sqlite/sqlite-lock';
import { type Run } from './statement';

export type Queryable = Kysely<Schema>;

export interface Database {
  readonly kysely: Kysely<Schema>;
  readonly dialect: Dialect;
  /** Where it is, without the password, and by which driver: for the log. */
  readonly description: string;
  /** Whether it is a server, which other processes use as well. */
  readonly isServer: boolean;
  /** Says that the database is away, and that it is back. */
  readonly outage: Outage;
  /** How many batches of sends may be under way at once. */
  readonly transactionsAtOnce: number;
  /**
   * Runs `work` in a transaction, and again while it loses against others.
   * Inside use only the transaction handed in: SQLite has one connection.
   */
  transaction<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /**
   * A transaction for a batch of sends: on MySQL each `run` is one round trip, however many statements it takes. The first
   * `run` begins the transaction. It is committed when `work` resolves, and not tried again where it fails.
   */
  batchTransaction<T>(work: (run: Run) => Promise<T>): Promise<T>;
  /** @throws the driver's error when the database can't be reached */
  ping(): Promise<void>;
  /**
   * From now on a connection that does not answer for longer than a request may wait counts as lost. To be called once the
   * schema is up to date: a step of it may take as long as it takes.
   */
  limitSilence(): void;
  close(): Promise<void>;
}

/** A database as its driver opens it. */
export type OpenedDatabase = Omit<Database, 'outage'>;

/**
 * Opens `sqlite:<file>`, `sqlite::memory:` or `mysql://user:password@host:port/database`. MySQL connects at the first query.
 * @throws Error with a sentence for the operator when there is no embedded driver or the file can't be opened
 */
export function openDatabase(url: string, options: { connections?: number } = {}): Database {
  const opened = url.startsWith('sqlite:')
    ? openSqlite(url.slice('sqlite:'.length))
    : openMysql(url, options.connections ?? 10);
  const outage = new Outage(opened);
  return {
    ...opened,
    outage,
    close: () => {
      outage.close();
      return opened.close();
    },
  };
}

/**
 * Makes this process the only server on a SQLite file; on MySQL there may be several.
 * @returns what gives the file free
 * @throws Error with a sentence for the operator when another one runs
 */
export function claimDatabase(url: string): () => void {
  const file = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : ':memory:';
  return file === ':memory:' ? () => undefined : lockSqliteFile(file);
}
