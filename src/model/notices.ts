import { sql } from 'kysely';
import { databaseNow } from '../db/clock';
import { type Database, type Queryable } from '../db/database';
import { type Dialect } from '../db/dialect';
import { NOTICE_CHANNELS, type NoticeRow, type NoticeState } from '../db/schema';
import { type WantedEvents } from './written-events';
import { lockSession } from './appending/locked-session';
import { tellFailed } from './failed-notices';
import { recordTry } from './finished-notices';
import { claimDue, cutError, rowsBy, type Finished } from './outbox';
import { runIn } from '../db/statement';
import { withRetries } from '../db/retries';
import { type SqlTime } from '../db/time';

/** Somebody to whom everything in a session up to a message has arrived. */
export interface Acknowledgement {
  sessionId: string;
  userId: string;
  messageId: number;
}

/** What one statement settles; SQLite takes 32,766 values. */
const SETTLED_AT_ONCE = 1_000;

/**
 * What still waits of these messages' notices, also for a retry, is delivered; a try that is under way may still say otherwise. The
 * rows are looked for without locks: a scan that locks would meet a worker's update the other way round. (Where many wait, MariaDB
 * would rather read the whole table than any index: hence the hint, which is a comment to SQLite.)
 * @returns how many notices it settled, without those that were being sent: whoever sends them counts them
 */
export async function settleNotices(
  db: Queryable,
  dialect: Dialect,
  channel: NoticeRow['channel'],
  acknowledgements: readonly Acknowledgement[],
): Promise<number> {
  const places = acknowledgements.map(
    ({ messageId, sessionId, userId }) =>
      sql`(user_id = ${userId} and session_id = ${sessionId} and message_id <= ${messageId})`,
  );
  for (let settled = 0; ;) {
    const { rows } = await sql<
      Pick<NoticeRow, 'id' | 'claimed_by'>
    >`select id, claimed_by from notices /*! force index (notices_message) */
      where state = 'pending' and channel = ${channel} and (${sql.join(places, sql` or `)})
      limit ${sql.lit(SETTLED_AT_ONCE)}`.execute(db);
    if (rows.length === 0) return settled;
    const ids = rows.map(({ id }) => id).sort((first, second) => first - second);
    const { numUpdatedRows } = await db
      .updateTable('notices')
      .set({ state: 'delivered', update_time: sql.raw<SqlTime>(dialect.now) })
      .where('id', 'in', ids)
      .where('state', '=', 'pending')
      .executeTakeFirst();
    const underWay = rows.filter((row) => row.claimed_by !== null).length;
    settled += Math.max(0, Number(numUpdatedRows) - underWay);
    if (rows.length < SETTLED_AT_ONCE) return settled;
  }
}

export interface NoticeFilter {
  state?: NoticeState | undefined;
  channel?: string | undefined;
}

/** Notices, newest first, below the id `before`; one more than `limit` when there are more. */
export async function findNotices(
  db: Queryable,
  { channel, state }: NoticeFilter,
  limit: number,
  before?: number,
): Promise<NoticeRow[]> {
  let query = db
    .selectFrom('notices')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (state !== undefined) query = query.where('state', '=', state);
  // The index begins with the channel.
  if (channel !== undefined) query = query.where('channel', '=', channel);
  else if (state !== undefined) query = query.where('channel', 'in', NOTICE_CHANNELS);
  if (before !== undefined) query = query.where('id', '<', before);
  return query.execute();
}

export async function findNotice(db: Queryable, id: number): Promise<NoticeRow | undefined> {
  return db.selectFrom('notices').selectAll().where('id', '=', id).executeTakeFirst();
}

/** A failed notice is to be sent anew: due at once, and given up when it has failed for another while. @returns whether it was one */
export async function reviveNotice({ dialect, kysely }: Database, id: number): Promise<boolean> {
  const now = await databaseNow(kysely, dialect);
  const { numUpdatedRows } = await kysely
    .updateTable('notices')
    .set({
      state: 'pending',
      attempts: 0,
      last_error: null,
      claimed_by: null,
      due_time: now,
      update_time: now,
      retry_since: now,
      // A push is another one for Getui, and WeChat, which may have spoken, does not follow it.
      resend_time: now,
      request_id: null,
      task_id: null,
      fallback_time: null,
    })
    .where('id', '=', id)
    .where('state', '=', 'failed')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

const PAUSE = 'wechat_pause_until';

/** Until when WeChat's daily quota is used up; null: it is not. */
export async function wechatPause(db: Queryable): Promise<SqlTime | null> {
  const row = await db
    .selectFrom('server_state')
    .select('value')
    .where('name', '=', PAUSE)
    .executeTakeFirst();
  return row?.value ?? null;
}

export async function setWechatPause({ dialect, kysely }: Database, until: SqlTime): Promise<void> {
  await dialect.upsert(kysely, 'server_state', ['name'], { name: PAUSE, value: until });
}

/** How many notices are pending, by channel. */
export async function waitingNotices(db: Queryable): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('notices')
    .select((eb) => ['channel', eb.fn.countAll<number>().as('count')])
    .where('channel', 'in', NOTICE_CHANNELS)
    .where('state', '=', 'pending')
    .groupBy('channel')
    .execute();
  return new Map(rows.map(({ channel, count }) => [channel, count]));
}

/** Claims up to `limit` notices of a channel that are due, for `claimMs`. */
export async function claimNotices(
  database: Database,
  { channel, claimMs, limit, worker }: { channel: string; worker: string; limit: number; claimMs: number },
): Promise<NoticeRow[]> {
  const { claimed } = await claimDue<NoticeRow>(database, {
    claimMs,
    due: (db, now, lock) => {
      const query = db
        .selectFrom(rowsBy<NoticeRow>('due', 'notices'))
        .selectAll()
        .where('state', '=', 'pending')
        .where('due_time', '<=', now)
        .where('channel', '=', channel)
        .orderBy('due_time')
        .limit(limit);
      return (lock ? query.forUpdate().skipLocked() : query).execute();
    },
    mark: (trx, rows, until) =>
      trx
        .updateTable('notices')
        .set({ claimed_by: worker, ...until })
        .where(
          'id',
          'in',
          rows.map(({ id }) => id),
        )
        .execute(),
  });
  return claimed;
}

/** Records what a try came to, see `recordTry`. The platform hears of one that failed. */
export async function finishNotice(
  database: Database,
  wanted: WantedEvents,
  worker: string,
  notice: NoticeRow,
  finished: Finished,
): Promise<NoticeState | undefined> {
  const { dialect, kysely } = database;
  const record = (db: Queryable) => recordTry(db, worker, notice, finished, sql.raw<SqlTime>(dialect.now));
  if (finished.state !== 'failed' || !wanted.has('notice.failed'))
    return withRetries(dialect, () => record(kysely));
  return database.transaction(async (trx) => {
    const run = runIn(trx, dialect);
    const session = await lockSession(run, dialect, notice.session_id);
    const state = await record(trx);
    if (state === 'failed') await tellFailed(run, wanted, session, [notice], cutError(finished.last_error));
    return state;
  });
}
