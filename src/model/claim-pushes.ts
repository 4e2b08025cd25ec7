import { sql } from 'kysely';
import { databaseNow } from '../db/clock';
import { type Database, type Queryable } from '../db/database';
import { type NoticeRow } from '../db/schema';
import { later, type SqlTime } from '../db/time';
import { rowsBy } from './outbox';
import { CHANNEL, FALLBACK_MS, NEWER, newRequestId } from './push-notices';

interface Claim {
  worker: string;
  limit: number;
  claimMs: number;
}

/**
 * Claims pushes that are due. Of each device and session the newest that is pending is taken, due or not, and the others end
 * as skipped. @returns what was claimed, and how many were skipped
 */
export async function claimPushes(
  database: Database,
  claim: Claim,
): Promise<{ rows: NoticeRow[]; skipped: number }> {
  const now = await databaseNow(database.kysely, database.dialect);
  const due = (db: Queryable) =>
    db
      .selectFrom(rowsBy<NoticeRow>('due', 'notices'))
      .selectAll()
      .where('state', '=', 'pending')
      .where('due_time', '<=', now)
      .where('channel', '=', CHANNEL)
      .orderBy('due_time')
      .limit(claim.limit);
  // Look before locking: most of the time nothing is due.
  if ((await due(database.kysely).execute()).length === 0) return { rows: [], skipped: 0 };
  return database.transaction(async (trx) => {
    const found = await due(trx).forUpdate().skipLocked().execute();
    const rows: NoticeRow[] = [];
    const old: NoticeRow[] = [];
    for (const group of groupsOf(found).values()) {
      const [first] = group;
      if (first === undefined) continue;
      if (first.message_id === null) {
        rows.push(...group);
        continue;
      }
      const all = await pendingOf(trx, first);
      const newest = all.at(-1);
      const isUnderWay = (row: NoticeRow) => row.claimed_by !== null && row.due_time > now;
      old.push(...all.filter((row) => row !== newest && !isUnderWay(row)));
      if (newest !== undefined && !isUnderWay(newest)) rows.push(newest);
    }
    await skip(trx, old, now);
    const claimed: NoticeRow[] = [];
    for (const row of rows) claimed.push(await mark(trx, row, claim, now));
    return { rows: claimed, skipped: old.length };
  });
}

/** By device and session; calls each for itself. */
function groupsOf(rows: readonly NoticeRow[]): Map<string, NoticeRow[]> {
  const groups = new Map<string, NoticeRow[]>();
  for (const row of rows) {
    const key = `${row.client_id ?? ''} ${row.session_id} ${row.message_id === null ? row.id : ''}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}

/**
 * All of the device and session that are pending, also those under way, by age. They are looked for without locks, as
 * `settleNotices` does.
 */
async function pendingOf(
  trx: Queryable,
  { client_id, session_id, user_id }: NoticeRow,
): Promise<NoticeRow[]> {
  const { rows } = await sql<{ id: number }>`select id from notices /*! force index (notices_message) */
    where user_id = ${user_id} and session_id = ${session_id} and state = 'pending' and message_id is not null
      and client_id = ${client_id} and channel = ${CHANNEL}`.execute(trx);
  if (rows.length === 0) return [];
  return trx
    .selectFrom('notices')
    .selectAll()
    .where(
      'id',
      'in',
      rows.map(({ id }) => id),
    )
    .where('state', '=', 'pending')
    .orderBy('message_id')
    .forUpdate()
    .execute();
}

async function skip(trx: Queryable, rows: readonly NoticeRow[], now: SqlTime): Promise<void> {
  if (rows.length === 0) return;
  await trx
    .updateTable('notices')
    .set({ state: 'skipped', last_error: NEWER, claimed_by: null, update_time: now })
    .where(
      'id',
      'in',
      rows.map(({ id }) => id),
    )
    .execute();
}

/** Claims a row. One that was not due yet gets its time until WeChat takes over from now on. */
async function mark(
  trx: Queryable,
  row: NoticeRow,
  { claimMs, worker }: Claim,
  now: SqlTime,
): Promise<NoticeRow> {
  const isEarly = row.due_time > now;
  const change = {
    claimed_by: worker,
    due_time: later(now, claimMs),
    update_time: now,
    request_id: row.request_id ?? newRequestId(),
    fallback_time: isEarly && row.fallback_time !== null ? later(now, FALLBACK_MS) : row.fallback_time,
  };
  await trx.updateTable('notices').set(change).where('id', '=', row.id).execute();
  return { ...row, ...change };
}
