import { randomBytes } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { databaseNow } from '../db/clock';
import { type Database, type Queryable } from '../db/database';
import { type NoticeRow, type NoticeState, NOTICE_STATES, type Schema } from '../db/schema';
import { withRetries } from '../db/retries';
import { type SqlTime } from '../db/time';
import { runIn } from '../db/statement';
import { type WantedEvents } from './written-events';
import { lockSession } from './appending/locked-session';
import { tellFailed } from './failed-notices';
import { recordTry } from './finished-notices';
import { cutError, type Finished } from './outbox';

export const CHANNEL = 'getui';

/** Why a notice was skipped for a newer one of its device and session. */
export const NEWER = 'a newer one is sent';
/** Why a notice was skipped whose device is its user's no longer, or retired. */
export const DEVICE_GONE = 'the device is gone';

/** A name for a push at Getui, which lets a second one of that name vanish. */
export function newRequestId(): string {
  return randomBytes(16).toString('hex');
}

/** How long after it was due a patient's push may be taken by none of the patient's phones before WeChat is used. */
export const FALLBACK_MS = 60_000;

/** Whether the device got a newer message of the same session. */
export async function newerWasSent(db: Queryable, row: NoticeRow): Promise<boolean> {
  const newer = await db
    .selectFrom('notices')
    .select('id')
    .where('user_id', '=', row.user_id)
    .where('session_id', '=', row.session_id)
    .where('message_id', '>', row.message_id)
    .where('client_id', '=', row.client_id)
    .where('state', '=', 'sent')
    .limit(1)
    .executeTakeFirst();
  return newer !== undefined;
}

/** What was written of a try. */
export interface FinishedPush {
  /** What the notice is now; undefined: the claim had run out. */
  state: NoticeState | undefined;
  /** How many notices ended as failed that the caller does not know of. */
  alsoFailed: number;
  /** Whether WeChat takes over. */
  wechat: boolean;
}

const PLAIN = { alsoFailed: 0, wechat: false };

/**
 * Records what a try came to. Where a patient's push is given up, or no phone has taken it in time, WeChat's notice is written in
 * the same transaction, due at once. The platform hears of those that failed.
 */
export async function finishPush(
  database: Database,
  wanted: WantedEvents,
  worker: string,
  row: NoticeRow,
  finished: Finished,
): Promise<FinishedPush> {
  const isLost =
    finished.state === 'pending' || finished.state === 'failed' || finished.last_error === DEVICE_GONE;
  const tells = isLost && wanted.has('notice.failed');
  // Most were sent: nothing else is to be written.
  if (!tells && (row.fallback_time === null || !isLost)) {
    const { dialect, kysely } = database;
    const now = sql.raw<SqlTime>(dialect.now);
    return {
      ...PLAIN,
      state: await withRetries(dialect, () => recordTry(kysely, worker, row, finished, now)),
    };
  }
  return database.transaction(async (trx) => {
    const run = runIn(trx, database.dialect);
    const session = tells ? await lockSession(run, database.dialect, row.session_id) : undefined;
    const tell = (failed: readonly NoticeRow[]) =>
      tellFailed(run, wanted, session, failed, cutError(finished.last_error));
    if (row.fallback_time === null) {
      const now = await databaseNow(trx, database.dialect);
      const state = await recordTry(trx, worker, row, finished, now);
      if (state === 'failed') await tell([row]);
      return { ...PLAIN, state };
    }
    const all = await lockSiblings(trx, row);
    const now = await databaseNow(trx, database.dialect);
    const others = all.filter(({ id }) => id !== row.id);
    // One that was acknowledged, or skipped for a newer message, needs no WeChat either.
    const isTaken = others.some(
      ({ last_error, state }) => ['sent', 'delivered'].includes(state) || last_error === NEWER,
    );
    const isLate = row.fallback_time <= now;
    const isSettled = all.find(({ id }) => id === row.id)?.state !== 'pending';
    if (isSettled) return { ...PLAIN, state: await recordTry(trx, worker, row, finished, now) };
    if (finished.state === 'pending' && (!isLate || isTaken)) {
      const retried = isLate ? finished : inTime(finished, row);
      return { ...PLAIN, state: await recordTry(trx, worker, row, retried, now) };
    }
    const waiting = others.filter((other) => other.state === 'pending');
    const ended = { ...finished, state: finished.state === 'pending' ? 'failed' : finished.state };
    const state = await recordTry(trx, worker, row, ended, now);
    const failed = state === 'failed' ? [row] : [];
    if (state === undefined || isTaken || (waiting.length > 0 && !isLate)) {
      await tell(failed);
      return { ...PLAIN, state };
    }
    await fail(trx, waiting, finished.last_error, now);
    await tell([...failed, ...waiting]);
    await insertWechat(trx, row, now);
    return { state, alsoFailed: waiting.length, wechat: true };
  });
}

/** The next try is made when WeChat would take over, at the latest. */
function inTime(finished: Finished, { fallback_time }: NoticeRow): Finished {
  const { due_time: due } = finished;
  return due === undefined || fallback_time === null || due <= fallback_time
    ? finished
    : { ...finished, due_time: fallback_time };
}

/** The notices of one message and user to all devices: locked in one order, so that two workers wait for each other. */
function lockSiblings(trx: Queryable, { message_id, session_id, user_id }: NoticeRow): Promise<NoticeRow[]> {
  return trx
    .selectFrom('notices')
    .selectAll()
    .where('user_id', '=', user_id)
    .where('session_id', '=', session_id)
    .where('message_id', '=', message_id)
    .where('state', 'in', NOTICE_STATES)
    .where('channel', '=', CHANNEL)
    .orderBy('client_id')
    .forUpdate()
    .execute();
}

async function fail(
  trx: Queryable,
  rows: readonly NoticeRow[],
  error: string | null,
  now: SqlTime,
): Promise<void> {
  if (rows.length === 0) return;
  await trx
    .updateTable('notices')
    .set({ state: 'failed', last_error: cutError(error), claimed_by: null, update_time: now })
    .where(
      'id',
      'in',
      rows.map(({ id }) => id),
    )
    .execute();
}

async function insertWechat(trx: Transaction<Schema>, row: NoticeRow, now: SqlTime): Promise<void> {
  const before = await trx
    .selectFrom('notices')
    .select('id')
    .where('user_id', '=', row.user_id)
    .where('session_id', '=', row.session_id)
    .where('message_id', '=', row.message_id)
    .where('state', 'in', NOTICE_STATES)
    .where('channel', '=', 'wechat')
    .executeTakeFirst();
  if (before !== undefined) return;
  await trx
    .insertInto('notices')
    .values({
      channel: 'wechat',
      session_id: row.session_id,
      message_id: row.message_id,
      user_id: row.user_id,
      state: 'pending',
      create_time: now,
      update_time: now,
      due_time: now,
    })
    .execute();
}

/** The pushes of a call that has ended are not made any more. @returns how many */
export async function skipCallPushes(
  trx: Queryable,
  call: { id: string; sessionId: string; userIds: readonly string[] },
  now: SqlTime,
): Promise<number> {
  const result = await trx
    .updateTable('notices')
    .set({ state: 'skipped', last_error: 'the call is over', update_time: now })
    .where('user_id', 'in', [...call.userIds])
    .where('session_id', '=', call.sessionId)
    .where('message_id', 'is', null)
    .where('call_id', '=', call.id)
    .where('channel', '=', CHANNEL)
    .where('state', '=', 'pending')
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** The pushes of a message that Getui took, to be taken back. */
export function sentPushes(db: Queryable, sessionId: string, messageId: number): Promise<NoticeRow[]> {
  return db
    .selectFrom('notices')
    .innerJoin('participants', (join) =>
      join
        .onRef('participants.session_id', '=', 'notices.session_id')
        .onRef('participants.participant_id', '=', 'notices.user_id'),
    )
    .selectAll('notices')
    .where('participants.session_id', '=', sessionId)
    .where('notices.message_id', '=', messageId)
    .where('notices.channel', '=', CHANNEL)
    .where('notices.state', '=', 'sent')
    .where('notices.task_id', 'is not', null)
    .execute();
}

/** With Getui off nobody sends what waited. */
export async function skipAllPushes({ dialect, kysely }: Database): Promise<void> {
  const now = await databaseNow(kysely, dialect);
  await kysely
    .updateTable('notices')
    .set({ state: 'skipped', last_error: 'Getui is off', claimed_by: null, update_time: now })
    .where('state', '=', 'pending')
    .where('channel', '=', CHANNEL)
    .execute();
}
