import { sql } from 'kysely';
import { type Database, type Queryable } from '../db/database';
import { databaseNow } from '../db/clock';
import { type NoticeRow } from '../db/schema';
import { later, type SqlTime } from '../db/time';

/** A row that waits for its way out: what every outbox table has. */
export type OutboxRow = Pick<NoticeRow, 'id' | 'attempts' | 'retry_since'>;

/** What a try came to. */
export interface Finished {
  state: NoticeRow['state'];
  attempts: number;
  last_error: string | null;
  /** When it is due again, for one that is still pending. */
  due_time?: SqlTime;
  /** The first failure of the present row of failures. */
  retry_since?: SqlTime | null;
}

const ERROR_LENGTH = 255;

/** `last_error` as the column takes it. */
export function errorText(error: string | null): string | null {
  return error?.slice(0, ERROR_LENGTH) ?? null;
}

/**
 * Claims notices that are due, for `claimMs`: until then no other worker takes them. A claim whose worker died runs out, and
 * then the row is due again. The database's clock judges.
 */
export async function claimDue(
  database: Database,
  { channel, claimMs, limit, worker }: { channel: string; worker: string; limit: number; claimMs: number },
): Promise<NoticeRow[]> {
  const now = await databaseNow(database.kysely, database.dialect);
  const due = (db: Queryable) =>
    db
      .selectFrom('notices')
      .selectAll()
      .where('state', '=', 'pending')
      .where('due_time', '<=', now)
      .where('channel', '=', channel)
      .orderBy('due_time')
      .limit(limit);
  // Look before locking: most of the time nothing is due.
  if ((await due(database.kysely).execute()).length === 0) return [];
  return database.transaction(async (trx) => {
    const rows = await due(trx).forUpdate().skipLocked().execute();
    if (rows.length === 0) return [];
    await trx
      .updateTable('notices')
      .set({ claimed_by: worker, due_time: later(now, claimMs), update_time: now })
      .where(
        'id',
        'in',
        rows.map(({ id }) => id),
      )
      .execute();
    return rows;
  });
}

/**
 * Records what a try came to, unless the claim ran out and another worker has the row. One that was skipped while it was
 * under way, for its message was taken back, ends as its answer says, and is not tried again.
 * @returns whether it did
 */
export async function finishClaimed(
  { dialect, kysely }: Database,
  worker: string,
  id: number,
  finished: Finished,
): Promise<boolean> {
  let update = kysely
    .updateTable('notices')
    .set({
      ...finished,
      last_error: errorText(finished.last_error),
      claimed_by: null,
      update_time: sql.raw(dialect.now),
    })
    .where('id', '=', id)
    .where('claimed_by', '=', worker);
  if (finished.state === 'pending') update = update.where('state', '=', 'pending');
  const result = await update.executeTakeFirst();
  return result.numUpdatedRows > 0n;
}
