import { type Queryable } from '../db/database';
import { type EventState, type MessageTableName, NOTICE_CHANNELS, type NoticeState } from '../db/schema';
import { type SqlTime } from '../db/time';
import { messagesBySession } from './message-tables';

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

/** Which of these sessions have messages before `time`: the first one of each tells, since ids and times rise together. */
export async function sessionsWithMessagesBefore(
  db: Queryable,
  table: MessageTableName,
  sessionIds: readonly string[],
  time: SqlTime,
): Promise<string[]> {
  const rows = await db
    .selectFrom('sessions')
    .select('id')
    .where('id', 'in', [...sessionIds])
    .where(
      (eb) =>
        eb
          .selectFrom(messagesBySession(table))
          .select('timestamp')
          .whereRef('m.session_id', '=', 'sessions.id')
          .orderBy('m.id')
          .limit(1),
      '<',
      time,
    )
    .execute();
  return rows.map(({ id }) => id);
}

/** Ids of the session's oldest messages, `limit` at most, as far as they are before `time`: no more than these are read. */
export async function messagesBefore(
  db: Queryable,
  table: MessageTableName,
  sessionId: string,
  time: SqlTime,
  limit: number,
): Promise<number[]> {
  const rows = await db
    .selectFrom((eb) =>
      eb
        .selectFrom(messagesBySession(table))
        .select(['id', 'timestamp'])
        .where('session_id', '=', sessionId)
        .orderBy('id')
        .limit(limit)
        .as('oldest'),
    )
    .select('id')
    .where('timestamp', '<', time)
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
      .where('channel', 'in', NOTICE_CHANNELS)
      .where('state', '=', state)
      .where('due_time', '<', time)
      .where('update_time', '<', time)
      .limit(limit - ids.length)
      .execute();
    ids.push(...rows.map(({ id }) => id));
  }
  return ids;
}

/** Ids of webhook events that have been in this final state since before `time`; they were due before that. */
export async function endedEventsBefore(
  db: Queryable,
  state: Exclude<EventState, 'pending'>,
  time: SqlTime,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom('webhook_events')
    .select('id')
    .where('state', '=', state)
    .where('due_time', '<', time)
    .where('update_time', '<', time)
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
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
