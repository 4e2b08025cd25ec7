import { type Database, type Queryable } from '../db/database';
import { sql } from 'kysely';
import { type NoticeRow, type NoticeState } from '../db/schema';
import { type NoticePlan, type WrittenNotices } from './appending/append';
import { nowSql, type SqlTime, toSqlTime } from '../db/time';

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
  acknowledgements: readonly Acknowledgement[],
): Promise<number> {
  const places = acknowledgements.map(
    ({ messageId, sessionId, userId }) =>
      sql`(user_id = ${userId} and session_id = ${sessionId} and message_id <= ${messageId})`,
  );
  const { numAffectedRows } = await sql`update notices /*! force index (notices_message) */
    set state = 'delivered', update_time = ${nowSql()}
    where state = 'pending' and claimed_by is null and (${sql.join(places, sql` or `)})`.execute(db);
  return Number(numAffectedRows ?? 0);
}

/**
 * Claims up to `limit` notices that are due, for `claimMs`: until then no other worker takes them. A claim whose worker
 * died runs out, and then the notice is due again.
 */
export async function claimNotices(
  database: Database,
  worker: string,
  limit: number,
  claimMs: number,
): Promise<NoticeRow[]> {
  // Look before locking: most of the time nothing is due.
  const due = (db: Queryable) =>
    db
      .selectFrom('notices')
      .selectAll()
      .where('state', '=', 'pending')
      .where('due_time', '<=', nowSql())
      .orderBy('due_time')
      .limit(limit);
  if ((await due(database.kysely).execute()).length === 0) return [];
  return database.transaction(async (trx) => {
    const rows = await due(trx).forUpdate().skipLocked().execute();
    if (rows.length === 0) return [];
    await trx
      .updateTable('notices')
      .set({ claimed_by: worker, due_time: toSqlTime(Date.now() + claimMs), update_time: nowSql() })
      .where(
        'id',
        'in',
        rows.map((row) => row.id),
      )
      .execute();
    return rows;
  });
}

export interface NoticeOutcome {
  state: NoticeState;
  attempts?: number;
  last_error?: string | null;
  due_time?: SqlTime;
  retry_since?: SqlTime | null;
}

/** Records how a claimed notice went, unless the claim ran out and another worker has it. */
export async function finishNotice(
  db: Queryable,
  worker: string,
  id: number,
  outcome: NoticeOutcome,
): Promise<void> {
  await db
    .updateTable('notices')
    .set({ ...outcome, claimed_by: null, update_time: nowSql() })
    .where('id', '=', id)
    .where('claimed_by', '=', worker)
    .execute();
}

const PAUSE = 'wechat_pause_until';

/** Until when WeChat's daily quota is used up, ms since the epoch; 0: it is not. */
export async function wechatPause(db: Queryable): Promise<number> {
  const row = await db
    .selectFrom('server_state')
    .select('value')
    .where('name', '=', PAUSE)
    .executeTakeFirst();
  return Number(row?.value ?? 0);
}

export async function setWechatPause(database: Database, until: number): Promise<void> {
  await database.dialect.upsert(database.kysely, 'server_state', ['name'], {
    name: PAUSE,
    value: String(until),
  });
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
