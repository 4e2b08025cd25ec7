import { type AliasedRawBuilder, sql, type Transaction } from 'kysely';
import { databaseNow } from '../db/clock';
import { type Database, type Queryable } from '../db/database';
import { type Schema } from '../db/schema';
import { later, type SqlTime } from '../db/time';

/** A row that waits for its way out: what every outbox table has. */
export interface OutboxRow {
  id: number | string;
  attempts: number;
  last_error: string | null;
  /** The first failure of the present row of failures, for channels that give up after a time. */
  retry_since?: SqlTime | null;
}

/** What a try came to. */
export interface Finished {
  state: 'pending' | 'delivered' | 'sent' | 'skipped' | 'failed';
  attempts: number;
  last_error: string | null;
  /** When it is due again, for one that is still pending. */
  due_time?: SqlTime;
  /** The first failure of the present row of failures. */
  retry_since?: SqlTime | null;
}

const ERROR_LENGTH = 255;

/** An error as it fits into `last_error`. */
export function cutError(error: string | null): string | null {
  return error?.slice(0, ERROR_LENGTH) ?? null;
}

/** How rows of one outbox table are found and taken. */
export interface ClaimRules<Row> {
  /** Until then no other worker takes them. A claim whose worker died runs out, and then the row is due again. */
  claimMs: number;
  /** Rows that are due. @param lock whether they are locked until the transaction's end, those that others lock left out */
  due: (db: Queryable, now: SqlTime, lock: boolean) => Promise<Row[]>;
  /** Those of the locked rows whose turn it is; left out: all. */
  choose?: (trx: Transaction<Schema>, rows: Row[]) => Promise<Row[]>;
  /** Notes that these rows are claimed until `due_time`. */
  mark: (
    trx: Transaction<Schema>,
    rows: readonly Row[],
    until: { due_time: SqlTime; update_time: SqlTime },
  ) => Promise<unknown>;
}

/**
 * A table of what waits, as `d`, read by its index of that name: `due`, or `session`. A database that has not counted the table's
 * rows yet would read all of them, for each session even, and lock all that are due. (The hint is a comment to SQLite.)
 */
export function rowsBy<Row>(
  index: 'due' | 'session',
  table: 'notices' | 'webhook_events',
): AliasedRawBuilder<Row, 'd'> {
  return sql<Row>`${sql.table(table)}`.as<'d'>(sql.raw(`d /*! force index (${table}_${index}) */`));
}

/** Claims rows that are due. The database's clock judges. @returns those that were claimed, and how many were looked at */
export async function claimDue<Row>(
  database: Database,
  { choose, claimMs, due, mark }: ClaimRules<Row>,
): Promise<{ claimed: Row[]; seen: number }> {
  const now = await databaseNow(database.kysely, database.dialect);
  // Look before locking: most of the time nothing is due.
  if ((await due(database.kysely, now, false)).length === 0) return { claimed: [], seen: 0 };
  return database.transaction(async (trx) => {
    const rows = await due(trx, now, true);
    const claimed = choose === undefined ? rows : await choose(trx, rows);
    if (claimed.length > 0) await mark(trx, claimed, { due_time: later(now, claimMs), update_time: now });
    return { claimed, seen: rows.length };
  });
}
