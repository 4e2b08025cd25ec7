import { sql } from 'kysely';
import { type Database, type Queryable } from '../db/database';
import { type Dialect } from '../db/dialect';
import { type CallRow } from '../db/schema';
import { type SqlTime } from '../db/time';

export type CallResult = 'completed' | 'cancelled' | 'rejected' | 'missed';

/** The two sockets of a call. */
export type CallSide = 'caller' | 'callee';

export async function findCall(db: Queryable, id: string): Promise<CallRow | undefined> {
  return db.selectFrom('calls').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The call's row, locked until the transaction's end. Lock the session first, where both are needed. */
export async function lockCall(trx: Queryable, id: string): Promise<CallRow | undefined> {
  return trx.selectFrom('calls').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

type NewCall = Pick<
  CallRow,
  'id' | 'session_id' | 'caller_id' | 'caller_name' | 'caller_socket' | 'caller_until' | 'media'
> &
  Pick<CallRow, 'create_time' | 'ring_until'>;

/** A call that rings. A second one in its session is a unique violation. */
export async function insertCall(trx: Queryable, call: NewCall): Promise<void> {
  await trx
    .insertInto('calls')
    .values({ ...call, open_session_id: call.session_id, state: 'ringing', rejected_by: '[]' })
    .execute();
}

/** These callees were rung: a socket of theirs gets the invite. */
export async function insertRings(
  trx: Queryable,
  dialect: Dialect,
  callId: string,
  userIds: readonly string[],
): Promise<void> {
  for (const userId of userIds) {
    await dialect.upsert(trx, 'call_rings', ['call_id', 'user_id'], { call_id: callId, user_id: userId }, []);
  }
}

/** The callees who said no. */
export function rejectedBy(call: CallRow): Set<string> {
  return new Set(JSON.parse(call.rejected_by) as string[]);
}

/**
 * Whether somebody has said no, and so has everybody who was rung. Whose notice is on its way is waited for: it may come to nothing.
 * @param callees the session's members but for the caller
 */
async function isRejected(trx: Queryable, call: CallRow, callees: readonly string[]): Promise<boolean> {
  const rejected = rejectedBy(call);
  if (rejected.size === 0) return false;
  const rung = callees.length === 0 ? [] : await rungAmong(trx, call, callees);
  return rung.every((id) => rejected.has(id));
}

/** Those of `callees` who were rung: by a socket, or by a notice that was sent or is on its way for the first time. */
async function rungAmong(
  trx: Queryable,
  { id, session_id: sessionId }: Pick<CallRow, 'id' | 'session_id'>,
  callees: readonly string[],
): Promise<string[]> {
  const rung = await trx
    .selectFrom('call_rings')
    .select('user_id')
    .where('call_id', '=', id)
    .where('user_id', 'in', [...callees])
    .union(
      trx
        .selectFrom('notices')
        .select('user_id')
        .where('user_id', 'in', [...callees])
        .where('session_id', '=', sessionId)
        .where('message_id', 'is', null)
        .where('call_id', '=', id)
        .where((eb) =>
          eb.or([
            eb('state', 'in', ['sent', 'delivered']),
            eb.and([eb('state', '=', 'pending'), eb('attempts', '=', 0)]),
          ]),
        ),
    )
    .execute();
  return rung.map((row) => row.user_id);
}

/** The call does not ring any more. */
export async function deleteRings(trx: Queryable, callId: string): Promise<void> {
  await trx.deleteFrom('call_rings').where('call_id', '=', callId).execute();
}

/** The calls that ring or run in these sessions. */
export async function openCalls(db: Queryable, sessionIds: readonly string[]): Promise<CallRow[]> {
  return db
    .selectFrom('calls')
    .selectAll()
    .where('open_session_id', 'in', [...sessionIds])
    .execute();
}

/**
 * Open calls that may have come to their end by themselves: it rang too long, a socket has been away for too long, who is in it was
 * removed from its session, or somebody said no, and others may not be rung any more.
 */
export async function endingCalls({ dialect, kysely }: Database): Promise<CallRow[]> {
  const now = sql.raw<SqlTime>(dialect.now);
  return kysely
    .selectFrom('calls as c')
    .selectAll()
    .where('open_session_id', 'is not', null)
    .where((eb) => {
      const hasLeft = (column: 'c.caller_id' | 'c.callee_id') =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('participants as p')
              .select(sql.lit(1).as('one'))
              .whereRef('p.session_id', '=', 'c.session_id')
              .whereRef('p.participant_id', '=', column),
          ),
        );
      return eb.or([
        eb.and([eb('state', '=', 'ringing'), eb('ring_until', '<=', now)]),
        eb.and([eb('state', '=', 'ringing'), eb('rejected_by', '<>', '[]')]),
        eb('caller_until', '<=', now),
        eb('callee_until', '<=', now),
        hasLeft('c.caller_id'),
        eb.and([eb('callee_id', 'is not', null), hasLeft('c.callee_id')]),
      ]);
    })
    .execute();
}

/** How a call ends of which nobody says so; undefined: it goes on. Needs the locks of the session and the call. */
export async function resultByItself(
  trx: Queryable,
  call: CallRow,
  { members, now }: { members: ReadonlyMap<string, unknown>; now: SqlTime },
): Promise<CallResult | undefined> {
  const hasLeft = !members.has(call.caller_id) || (call.callee_id !== null && !members.has(call.callee_id));
  if (call.state === 'ringing') {
    if (call.ring_until <= now) return 'missed';
    if (hasLeft || call.caller_until <= now) return 'cancelled';
    const callees = [...members.keys()].filter((id) => id !== call.caller_id);
    return (await isRejected(trx, call, callees)) ? 'rejected' : undefined;
  }
  const isAway = call.caller_until <= now || (call.callee_until !== null && call.callee_until <= now);
  return call.state === 'active' && (hasLeft || isAway) ? 'completed' : undefined;
}

/** Until when a socket of a call is answered for. @returns whether it is still the call's socket */
export async function holdSocket(
  db: Queryable,
  callId: string,
  side: CallSide,
  socket: string,
  until: SqlTime,
): Promise<boolean> {
  const result = await db
    .updateTable('calls')
    .set(side === 'caller' ? { caller_until: until } : { callee_until: until })
    .where('id', '=', callId)
    .where(side === 'caller' ? 'caller_socket' : 'callee_socket', '=', socket)
    .where('state', '<>', 'ended')
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Whole seconds since the accept, 0 without one. @param now ms since the epoch, as the times of the row are read */
export function callSeconds(acceptedAt: number | null, now: number): number {
  return acceptedAt === null ? 0 : Math.max(0, Math.floor((now - acceptedAt) / 1000));
}
