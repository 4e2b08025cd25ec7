import { sql } from 'kysely';
import { type Queryable } from '../db/database';
import { type SessionRow } from '../db/schema';
import { type SqlTime } from '../db/time';

/** The columns of a session that leave the server, and those that order it. */
export type SessionOfUser = SessionRow & { sticky: number };

export async function findSession(db: Queryable, id: string): Promise<SessionRow | undefined> {
  return db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The session, if `userId` takes part in it. */
export async function findSessionOf(
  db: Queryable,
  id: string,
  userId: string,
): Promise<SessionRow | undefined> {
  return db
    .selectFrom('sessions')
    .innerJoin('participants', 'participants.session_id', 'sessions.id')
    .selectAll('sessions')
    .where('sessions.id', '=', id)
    .where('participants.participant_id', '=', userId)
    .executeTakeFirst();
}

/** Two users have one p2p session: this is its unique key. */
export function pairOf(first: string, second: string): string {
  return [first, second].sort().join(',');
}

export async function findPair(db: Queryable, pair: string): Promise<SessionRow | undefined> {
  return db.selectFrom('sessions').selectAll().where('pair', '=', pair).executeTakeFirst();
}

/** Where a page of a user's sessions begins: after this one in the list's order. */
export interface SessionCursor {
  sticky: number;
  time: SqlTime;
  id: string;
}

export interface SessionFilter {
  type?: number | undefined;
  businessType?: number | undefined;
  /** Only sessions with a message at or after this time. */
  messageSince?: SqlTime | undefined;
}

/** Which session was active last: by its latest message, or, without any, by its creation. */
const activity = sql<SqlTime>`coalesce(sessions.last_message_time, sessions.create_date)`;

/** The user's sessions: sticky first, then by latest activity, newest first; one more than `limit` when there are more. */
export async function sessionsOf(
  db: Queryable,
  userId: string,
  filter: SessionFilter,
  limit: number,
  after?: SessionCursor,
): Promise<(SessionOfUser & { activity: SqlTime })[]> {
  let query = db
    .selectFrom('participants')
    .innerJoin('sessions', 'sessions.id', 'participants.session_id')
    .selectAll('sessions')
    .select(['participants.sticky', activity.as('activity')])
    .where('participants.participant_id', '=', userId)
    .orderBy('participants.sticky', 'desc')
    .orderBy(activity, 'desc')
    .orderBy('sessions.id', 'desc')
    .limit(limit + 1);
  if (filter.type !== undefined) query = query.where('sessions.type', '=', filter.type);
  if (filter.businessType !== undefined) {
    query = query.where('sessions.business_type', '=', filter.businessType);
  }
  if (filter.messageSince !== undefined) {
    query = query.where('sessions.last_message_time', '>=', filter.messageSince);
  }
  if (after !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('participants.sticky', '<', after.sticky),
        eb.and([eb('participants.sticky', '=', after.sticky), eb(activity, '<', after.time)]),
        eb.and([
          eb('participants.sticky', '=', after.sticky),
          eb(activity, '=', after.time),
          eb('sessions.id', '<', after.id),
        ]),
      ]),
    );
  }
  return query.execute();
}

/** Pins or unpins a session for one participant. @returns whether there is such a participant */
export async function setSticky(
  db: Queryable,
  sessionId: string,
  userId: string,
  sticky: boolean,
): Promise<boolean> {
  const result = await db
    .updateTable('participants')
    .set({ sticky: sticky ? 1 : 0 })
    .where('session_id', '=', sessionId)
    .where('participant_id', '=', userId)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** The ids of a session's newest message and of its latest recall, 0 for none. */
export type SessionPosition = Pick<SessionRow, 'id' | 'last_message_id' | 'last_recall_id'>;

/** Where all sessions of a user stand. */
export async function sessionPositions(db: Queryable, userId: string): Promise<SessionPosition[]> {
  return db
    .selectFrom('participants')
    .innerJoin('sessions', 'sessions.id', 'participants.session_id')
    .select(['sessions.id', 'sessions.last_message_id', 'sessions.last_recall_id'])
    .where('participants.participant_id', '=', userId)
    .execute();
}

/** The sessions that a user takes part in. */
export async function sessionIdsOf(db: Queryable, userId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('participants')
    .select('session_id')
    .where('participant_id', '=', userId)
    .execute();
  return rows.map((row) => row.session_id);
}

const IDS_A_QUERY = 500;

/** Where these sessions stand. */
export async function positionsOf(db: Queryable, ids: readonly string[]): Promise<SessionPosition[]> {
  const positions: SessionPosition[] = [];
  for (let start = 0; start < ids.length; start += IDS_A_QUERY) {
    const rows = await db
      .selectFrom('sessions')
      .select(['id', 'last_message_id', 'last_recall_id'])
      .where('id', 'in', ids.slice(start, start + IDS_A_QUERY))
      .execute();
    positions.push(...rows);
  }
  return positions;
}
