import { type Queryable } from '../db/database';
import { type MessageTableName, type NoticeState } from '../db/schema';
import { type SqlTime } from '../db/time';

/**
 * Finding what is old: reads that lock nothing, and through an index wherever the table is large. Whoever deletes names
 * ids, a few at a time, so that no lock is held on what a send needs.
 */

const FINAL_STATES: readonly NoticeState[] = ['delivered', 'sent', 'skipped', 'failed'];

/** The next sessions, by id, that were there at `time`: only these can have older messages. */
export async function sessionsSince(
  db: Queryable,
  time: SqlTime,
  after: string,
  limit: number,
): Promise<{ id: string; type: number }[]> {
  return db
    .selectFrom('sessions')
    .select(['id', 'type'])
    .where('id', '>', after)
    .where('create_date', '<', time)
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** Ids of messages before `time` in these sessions, the oldest of each first. The index of the unread holds all that this asks for. */
export async function messagesBefore(
  db: Queryable,
  table: MessageTableName,
  sessionIds: readonly string[],
  time: SqlTime,
  limit: number,
): Promise<number[]> {
  const rows = await db
    .selectFrom(table)
    .select('id')
    .where('session_id', 'in', [...sessionIds])
    .where('timestamp', '<', time)
    // That index's own order: MySQL would sometimes take another, and read all the rows.
    .orderBy('session_id')
    .orderBy('timestamp')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Ids of notices that have been in a final state since before `time`; their due times, which are indexed, were before that. */
export async function settledNoticesBefore(db: Queryable, time: SqlTime, limit: number): Promise<number[]> {
  const ids: number[] = [];
  for (const state of FINAL_STATES) {
    if (ids.length >= limit) break;
    const rows = await db
      .selectFrom('notices')
      .select('id')
      .where('state', '=', state)
      .where('due_time', '<', time)
      .where('update_time', '<', time)
      .limit(limit - ids.length)
      .execute();
    ids.push(...rows.map(({ id }) => id));
  }
  return ids;
}

/** Ids of revoked tokens that have expired, so that they are refused anyway: the table is small, a week's logouts. */
export async function expiredTokens(db: Queryable, now: SqlTime, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('revoked_tokens')
    .select('id')
    .where('expires_time', '<', now)
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Ids of calls that ended and began before `time`. Few calls are made, next to messages. */
export async function endedCallsBefore(db: Queryable, time: SqlTime, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('calls')
    .select('id')
    .where('state', '=', 'ended')
    .where('create_time', '<', time)
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}
