import { sql, type Transaction } from 'kysely';
import { type Database, type Queryable } from '../db/database';
import { type EventState, type Schema, type WebhookEventRow } from '../db/schema';
import { runIn } from '../db/statement';
import { type SqlTime } from '../db/time';
import { conflict, notFound } from '../errors';
import { type EventType } from '../resources/config/webhook';
import { lockSession } from './appending/locked-session';
import { claimDue, cutError, rowsBy, type Finished } from './outbox';

/**
 * Within a session one event is sent at a time, in order. Its head is the one whose turn it is: what is being sent, else what was
 * asked for anew, else the lowest sequence. A new event is due at once; when it is looked at and is not the head, it is parked:
 * it has no due time until its turn comes. So what waits in a session that is stuck is looked at once, and then no more.
 *
 * Two processes agree through row locks: an event is parked only while its session's head is locked and pending, and whoever ends
 * the head, which takes the same lock, wakes the next one.
 */

/** `turn`: what comes first in a session; while it is being sent it is less by `UNDER_WAY`, and so before all others. */
const TURN = { anew: 2, inOrder: 3 } as const;
const UNDER_WAY = 2;

/** Due rows that are looked at in a transaction, where there are many that have to be parked. */
const LOOK = 1000;

/** An event that this process sends, with the type of its session. */
export type ClaimedEvent = WebhookEventRow & { session_type: number };

/** The heads of these sessions. */
async function headsOf(
  db: Queryable,
  sessionIds: readonly string[],
): Promise<{ session_id: string; session_type: number; head: string | null }[]> {
  return db
    .selectFrom('sessions')
    .select([
      'sessions.id as session_id',
      'sessions.type as session_type',
      (eb) =>
        eb
          .selectFrom(rowsBy<WebhookEventRow>('session', 'webhook_events'))
          .select('d.id')
          .whereRef('d.session_id', '=', 'sessions.id')
          .where('d.state', '=', 'pending')
          .orderBy('d.turn')
          .orderBy('d.sequence')
          .limit(1)
          .as('head'),
    ])
    .where('sessions.id', 'in', [...new Set(sessionIds)])
    .execute();
}

/** Claims up to `limit` events that are due and their sessions' heads, for `claimMs`, and parks others that it comes across. */
export async function claimEvents(
  database: Database,
  { claimMs, limit, worker }: { worker: string; limit: number; claimMs: number },
): Promise<ClaimedEvent[]> {
  for (let look = 2 * limit; ; look = LOOK) {
    const { claimed, seen } = await claimDue<ClaimedEvent>(database, {
      claimMs,
      due: (db, now, lock) => dueEvents(db, now, look, lock),
      choose: (trx, rows) => chooseHeads(trx, rows, limit),
      mark: (trx, rows, until) =>
        trx
          .updateTable('webhook_events')
          .set({
            claimed_by: worker,
            // One whose worker died is under way already.
            turn: sql<number>`case when turn >= ${UNDER_WAY} then turn - ${UNDER_WAY} else turn end`,
            ...until,
          })
          .where('id', 'in', idsOf(rows))
          .execute(),
    });
    // Nothing but what had to be parked: behind it there may be more.
    if (claimed.length > 0 || seen < look) return claimed;
  }
}

async function dueEvents(db: Queryable, now: SqlTime, limit: number, lock: boolean): Promise<ClaimedEvent[]> {
  const query = db
    .selectFrom(rowsBy<WebhookEventRow>('due', 'webhook_events'))
    .selectAll()
    .select(sql.lit(0).as('session_type'))
    .where('state', '=', 'pending')
    .where('due_time', '<=', now)
    .orderBy('due_time')
    .limit(lock ? limit : 1);
  return (lock ? query.forUpdate().skipLocked() : query).execute();
}

/** Of locked rows those that are heads, `limit` at most; the others are parked. */
async function chooseHeads(
  trx: Transaction<Schema>,
  rows: readonly ClaimedEvent[],
  limit: number,
): Promise<ClaimedEvent[]> {
  if (rows.length === 0) return [];
  const found = await headsOf(
    trx,
    rows.map(({ session_id }) => session_id),
  );
  const heads = new Map(found.map((each) => [each.session_id, each]));
  const isHead = ({ id, session_id }: ClaimedEvent) => heads.get(session_id)?.head === id;
  const others = rows.filter((row) => !isHead(row));
  if (others.length > 0) {
    const behind = others.flatMap(({ session_id }) => heads.get(session_id)?.head ?? []);
    const held = new Set([...idsOf(rows), ...(await lockPending(trx, behind))]);
    const parked = others.filter(({ session_id }) => held.has(heads.get(session_id)?.head ?? ''));
    if (parked.length > 0)
      await trx
        .updateTable('webhook_events')
        .set({ due_time: null })
        .where('id', 'in', idsOf(parked))
        .execute();
  }
  return rows
    .filter(isHead)
    .slice(0, limit)
    .map((row) => ({ ...row, session_type: heads.get(row.session_id)?.session_type ?? 0 }));
}

/** Locks those of these events that are pending and that nobody else has locked. */
async function lockPending(trx: Transaction<Schema>, ids: readonly string[]): Promise<string[]> {
  const rows = await trx
    .selectFrom('webhook_events')
    .select('id')
    .where('id', 'in', [...new Set(ids)])
    .where('state', '=', 'pending')
    .forUpdate()
    .skipLocked()
    .execute();
  return idsOf(rows);
}

/** What a try of a claimed event came to. */
export interface FinishedEvent {
  event: Pick<WebhookEventRow, 'id' | 'session_id'>;
  finished: Finished;
}

/**
 * Records what tries came to, but for events whose claim ran out and that another worker has, and wakes what comes next in their
 * sessions.
 * @returns the ids of those that were recorded
 */
export async function finishEvents(
  database: Database,
  worker: string,
  finishes: readonly FinishedEvent[],
): Promise<Set<string>> {
  const now = sql.raw<SqlTime>(database.dialect.now);
  return database.transaction(async (trx) => {
    const ours = new Set(await lockClaimed(trx, worker, finishes));
    for (const { ids, finished } of grouped(finishes.filter(({ event }) => ours.has(event.id)))) {
      const { attempts, due_time, last_error, state } = finished;
      await trx
        .updateTable('webhook_events')
        .set({
          state: state as EventState,
          attempts,
          last_error: cutError(last_error),
          claimed_by: null,
          turn: sql<number>`turn + ${UNDER_WAY}`,
          update_time: now,
          // One that has ended was due until now, not until its claim would have run out.
          due_time: due_time ?? now,
        })
        .where('id', 'in', ids)
        .execute();
    }
    const heads = await headsOf(
      trx,
      finishes.map(({ event }) => event.session_id),
    );
    const next = heads.flatMap(({ head }) => head ?? []);
    if (next.length === 0) return ours;
    await trx
      .updateTable('webhook_events')
      .set({ due_time: now })
      .where('id', 'in', next)
      .where('state', '=', 'pending')
      .where('due_time', 'is', null)
      .execute();
    return ours;
  });
}

async function lockClaimed(
  trx: Transaction<Schema>,
  worker: string,
  finishes: readonly FinishedEvent[],
): Promise<string[]> {
  const rows = await trx
    .selectFrom('webhook_events')
    .select('id')
    .where(
      'id',
      'in',
      finishes.map(({ event }) => event.id),
    )
    .where('claimed_by', '=', worker)
    .forUpdate()
    .execute();
  return idsOf(rows);
}

/** Most tries succeed, and the first one: those are written together. */
function grouped(finishes: readonly FinishedEvent[]): { ids: string[]; finished: Finished }[] {
  const groups = new Map<string, { ids: string[]; finished: Finished }>();
  for (const { event, finished } of finishes) {
    const key = JSON.stringify(finished);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ids: [event.id], finished });
    else group.ids.push(event.id);
  }
  return [...groups.values()];
}

/**
 * A failed event is pending again, ahead of its session's others but for one that is being sent.
 * @throws AppError `not_found`; `conflict` for one that has not failed
 */
export async function resendEvent(database: Database, id: string): Promise<WebhookEventRow> {
  const { dialect, kysely } = database;
  const now = sql.raw<SqlTime>(dialect.now);
  const find = (db: Queryable) =>
    db.selectFrom('webhook_events').selectAll().where('id', '=', id).executeTakeFirst();
  const known = await find(kysely);
  if (known === undefined) throw notFound('event');
  return database.transaction(async (trx) => {
    // With the session locked no new event comes, and with its head locked nobody claims that: so both can't be sent at once.
    await lockSession(runIn(trx, dialect), dialect, known.session_id);
    const [session] = await headsOf(trx, [known.session_id]);
    const locked = [id, ...(session?.head == null ? [] : [session.head])];
    await trx.selectFrom('webhook_events').select('id').where('id', 'in', locked).forUpdate().execute();
    const { numUpdatedRows } = await trx
      .updateTable('webhook_events')
      .set({ state: 'pending', turn: TURN.anew, attempts: 0, due_time: now, update_time: now })
      .where('id', '=', id)
      .where('state', '=', 'failed')
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw conflict('The event has not failed.');
    return (await find(trx)) ?? known;
  });
}

export interface EventFilter {
  state?: EventState | undefined;
  sessionId?: string | undefined;
  type?: EventType | undefined;
}

/** Events, newest first, after the one that a cursor names; one more than `limit` when there are more. */
export async function findEvents(
  db: Queryable,
  { sessionId, state, type }: EventFilter,
  limit: number,
  after?: string,
): Promise<WebhookEventRow[]> {
  let query = db
    .selectFrom('webhook_events')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (state !== undefined) query = query.where('state', '=', state);
  if (sessionId !== undefined) query = query.where('session_id', '=', sessionId);
  if (type !== undefined) query = query.where('type', '=', type);
  if (after !== undefined) query = query.where('id', '<', after);
  return query.execute();
}

function idsOf(rows: readonly { id: string }[]): string[] {
  return rows.map(({ id }) => id);
}
