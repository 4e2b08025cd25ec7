import { type Database, type Queryable } from '../db/database';
import { type Dialect } from '../db/dialect';
import { sql } from 'kysely';
import { type NoticePlan, type WrittenNotices } from './appending/append';
import { type SqlTime } from '../db/time';

/** A patient to whom everything in a session up to a message has arrived. */
export interface Acknowledgement {
  sessionId: string;
  userId: string;
  messageId: number;
}

/**
 * What still waits of these messages' notices (also for a retry), and is not being sent, is delivered: one statement. (Where
 * many wait, MariaDB would rather read the whole table than any index: hence the hint, which is a comment to SQLite.)
 * @param acknowledgements in the order of users, so that two processes lock the rows in the same order
 * @returns how many notices it settled
 */
export async function settleNotices(
  db: Queryable,
  dialect: Dialect,
  acknowledgements: readonly Acknowledgement[],
): Promise<number> {
  const places = acknowledgements.map(
    ({ messageId, sessionId, userId }) =>
      sql`(user_id = ${userId} and session_id = ${sessionId} and message_id <= ${messageId})`,
  );
  const { numAffectedRows } = await sql`update notices /*! force index (notices_message) */
    set state = 'delivered', update_time = ${sql.raw(dialect.now)}
    where state = 'pending' and claimed_by is null and (${sql.join(places, sql` or `)})`.execute(db);
  return Number(numAffectedRows ?? 0);
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

/**
 * Notices of a call's invitation, for the patients who have no socket bound to its session.
 * @returns what was written, to be told after the commit
 */
export async function insertCallNotices(
  trx: Queryable,
  { id, now, sessionId }: { id: string; sessionId: string; now: SqlTime },
  patients: readonly string[],
  plan: NoticePlan,
): Promise<WrittenNotices> {
  const absent = patients
    .map((user) => ({ user, ...plan(sessionId, user) }))
    .filter(({ delayMs }) => delayMs === 0);
  if (absent.length === 0) return { dueNow: false, skipped: 0 };
  await trx
    .insertInto('notices')
    .values(
      absent.map(({ state, user }) => ({
        channel: 'wechat',
        session_id: sessionId,
        message_id: null,
        call_id: id,
        user_id: user,
        state,
        create_time: now,
        update_time: now,
        due_time: now,
      })),
    )
    .execute();
  const skipped = absent.filter(({ state }) => state === 'skipped').length;
  return { dueNow: skipped < absent.length, skipped };
}

/** How many notices are pending, by channel. */
export async function waitingNotices(db: Queryable): Promise<{ channel: string; count: number }[]> {
  const rows = await db
    .selectFrom('notices')
    .select((eb) => ['channel', eb.fn.countAll().as('count')])
    .where('state', '=', 'pending')
    .groupBy('channel')
    .execute();
  return rows.map(({ channel, count }) => ({ channel, count: Number(count) }));
}
