import { type Database, type Queryable } from '../db/database';
import { type Statement, statement } from '../db/sql-text';
import { type NoticeRow, type NoticeState } from '../db/schema';
import { type NoticePlan, type WrittenNotices } from './append';
import { nowSql, type SqlTime, toSqlTime } from '../db/time';

/**
 * Everything up to the message has arrived at the patient: what still waits (also for a retry), and is not being sent, is
 * delivered. (Where many wait, MariaDB would rather read the whole table than any index: the hint, a comment to SQLite,
 * leaves it the choice between the two.)
 */
export function settleStatement(sessionId: string, userId: string, messageId: number): Statement {
  return statement(
    `update notices /*! force index (notices_message, notices_due) */
     set state = 'delivered', update_time = ? where user_id = ? and session_id = ? and message_id <= ?
     and state = 'pending' and claimed_by is null`,
    [nowSql(), userId, sessionId, messageId],
  );
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

/** Notices that wait, by state: for the status page and the metrics. */
export async function countNotices(db: Queryable): Promise<Record<NoticeState, number>> {
  const counts: Record<NoticeState, number> = { pending: 0, delivered: 0, sent: 0, skipped: 0, failed: 0 };
  const rows = await db
    .selectFrom('notices')
    .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
    .groupBy('state')
    .execute();
  for (const row of rows) counts[row.state] = row.count;
  return counts;
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
  callId: string,
  sessionId: string,
  patients: readonly string[],
  plan: NoticePlan,
): Promise<WrittenNotices> {
  const now = nowSql();
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
        call_id: callId,
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
