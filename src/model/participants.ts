import { type Queryable } from '../db/database';
import { type Dialect } from '../db/dialect';
import { type ParticipantRow } from '../db/schema';
import { laterOf, type SqlTime } from '../db/time';
import { findUsers, type User, type UserType } from './users';

export const ROLE = { member: 0, owner: 1 } as const;

/** A participant as far as sending and delivery are concerned. */
export interface Member {
  id: string;
  type: UserType;
}

/** A participant with its profile; a profile that the platform has deleted leaves the id as the name. */
export type Participant = ParticipantRow & Pick<User, 'name' | 'avatar'>;

export interface NewParticipant {
  id: string;
  type: UserType;
  role: number;
}

/** The participants of a session, in the order of their ids: three queries. */
export async function participantsOf(db: Queryable, sessionId: string): Promise<Participant[]> {
  const rows = await db
    .selectFrom('participants')
    .selectAll()
    .where('session_id', '=', sessionId)
    .orderBy('participant_id')
    .execute();
  const users = await findUsers(
    db,
    rows.map((row) => row.participant_id),
  );
  return rows.map((row) => {
    const user = users.get(row.participant_id);
    return { ...row, name: user?.name ?? row.participant_id, avatar: user?.avatar ?? null };
  });
}

export async function isParticipant(db: Queryable, sessionId: string, userId: string): Promise<boolean> {
  const row = await db
    .selectFrom('participants')
    .select('session_id')
    .where('session_id', '=', sessionId)
    .where('participant_id', '=', userId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Adds participants who start with nothing unread: everything up to `time` counts as read. */
export async function insertParticipants(
  trx: Queryable,
  sessionId: string,
  participants: readonly NewParticipant[],
  time: SqlTime,
): Promise<void> {
  if (participants.length === 0) return;
  await trx
    .insertInto('participants')
    .values(
      participants.map(({ id, type, role }) => ({
        session_id: sessionId,
        participant_id: id,
        type,
        role,
        last_fetch_time: time,
      })),
    )
    .execute();
}

/** Removes participants; when they consulted here, that time stays with them. */
export async function deleteParticipants(
  trx: Queryable,
  dialect: Dialect,
  sessionId: string,
  businessType: number,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  if (businessType === 2) {
    const rows = await trx
      .selectFrom('participants')
      .leftJoin('user_states', 'user_states.user_id', 'participants.participant_id')
      .select(['participant_id', 'participants.type', 'last_sent_time', 'left_consult_time'])
      .where('session_id', '=', sessionId)
      .where('participant_id', 'in', [...ids])
      .execute();
    for (const row of rows) {
      if (row.last_sent_time === null) continue;
      // A user of the platform's own tables who never logged in here has no row yet.
      const state = {
        user_id: row.participant_id,
        type: row.type,
        left_consult_time: laterOf(row.last_sent_time, row.left_consult_time),
      };
      await dialect.upsert(trx, 'user_states', ['user_id'], state, ['left_consult_time']);
    }
  }
  await trx
    .deleteFrom('participants')
    .where('session_id', '=', sessionId)
    .where('participant_id', 'in', [...ids])
    .execute();
}

/** 2 with a patient, else 1. */
export function businessTypeOf(types: Iterable<UserType>): number {
  for (const type of types) if (type === 'patient') return 2;
  return 1;
}

/** When the user last sent a message in a session with a patient in which it takes part; null: never. */
export async function lastConsultTime(db: Queryable, userId: string): Promise<SqlTime | null> {
  const row = await db
    .selectFrom('participants')
    .innerJoin('sessions', 'sessions.id', 'participants.session_id')
    .select((eb) => eb.fn.max('last_sent_time').as('time'))
    .where('participant_id', '=', userId)
    .where('business_type', '=', 2)
    .executeTakeFirst();
  return row?.time ?? null;
}

/** The members of a session, by id. */
export async function sessionMembers(db: Queryable, sessionId: string): Promise<Map<string, Member>> {
  const rows = await db
    .selectFrom('participants')
    .select(['participant_id', 'type'])
    .where('session_id', '=', sessionId)
    .execute();
  return new Map(rows.map(({ participant_id: id, type }) => [id, { id, type }]));
}

/** Those of these users who take part in the session. */
export async function membersAmong(
  db: Queryable,
  sessionId: string,
  userIds: readonly string[],
): Promise<Set<string>> {
  const rows = await db
    .selectFrom('participants')
    .select('participant_id')
    .where('session_id', '=', sessionId)
    .where('participant_id', 'in', [...userIds])
    .execute();
  return new Set(rows.map((row) => row.participant_id));
}

/** Which of these users take part in which of these sessions, by session: one query; may hold more pairs than were asked for. */
export async function participationsAmong(
  db: Queryable,
  pairs: readonly { sessionId: string; userId: string }[],
): Promise<Map<string, Set<string>>> {
  const rows = await db
    .selectFrom('participants')
    .select(['session_id', 'participant_id'])
    .where('session_id', 'in', [...new Set(pairs.map(({ sessionId }) => sessionId))])
    .where('participant_id', 'in', [...new Set(pairs.map(({ userId }) => userId))])
    .execute();
  const found = new Map<string, Set<string>>();
  for (const { participant_id: userId, session_id: sessionId } of rows) {
    const users = found.get(sessionId);
    if (users === undefined) found.set(sessionId, new Set([userId]));
    else users.add(userId);
  }
  return found;
}

/** The sessions of these users, by user, each with the time up to which the user has read it: one query. */
export async function participationsOf(
  db: Queryable,
  userIds: readonly string[],
): Promise<Map<string, Map<string, SqlTime>>> {
  const rows = await db
    .selectFrom('participants')
    .select(['participant_id', 'session_id', 'last_fetch_time'])
    .where('participant_id', 'in', [...userIds])
    .execute();
  const found = new Map<string, Map<string, SqlTime>>();
  for (const { last_fetch_time: time, participant_id: userId, session_id: sessionId } of rows) {
    const sessions = found.get(userId);
    if (sessions === undefined) found.set(userId, new Map([[sessionId, time]]));
    else sessions.set(sessionId, time);
  }
  return found;
}
