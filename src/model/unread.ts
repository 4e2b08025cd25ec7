import { CompiledQuery } from 'kysely';
import { type Queryable } from '../db/database';
import { type MessageRow, type MessageTableName, type SessionRow } from '../db/schema';
import { type SqlTime } from '../db/time';
import { MESSAGE_TABLES, messageTable } from './message-tables';

/**
 * Unread are the messages of others after the participant's `last_fetch_time`.
 * (The seed's statement counts one's own, too; the API leaves them out.)
 */

/** Sessions that one query counts: SQLite takes expressions 1,000 deep. */
const SESSIONS_A_QUERY = 400;

/**
 * Unread messages by session, sessions without any left out: a query for the read positions, and one a message table for
 * each 400 sessions that hold anything unread.
 */
export async function unreadCounts(
  db: Queryable,
  userId: string,
  sessionIds?: readonly string[],
): Promise<Map<string, number>> {
  let query = db
    .selectFrom('participants as p')
    .innerJoin('sessions as s', 's.id', 'p.session_id')
    .select(['s.id', 's.type', 'p.last_fetch_time'])
    .where('p.participant_id', '=', userId)
    // Spares the look into the messages for sessions that are read to their end.
    .whereRef('s.last_message_time', '>', 'p.last_fetch_time');
  if (sessionIds !== undefined) query = query.where('p.session_id', 'in', [...sessionIds]);
  const positions = await query.execute();

  const counts = new Map<string, number>();
  for (const [type, table] of MESSAGE_TABLES.entries()) {
    const ofType = positions.filter((position) => position.type === type);
    for (let start = 0; start < ofType.length; start += SESSIONS_A_QUERY) {
      const part = ofType.slice(start, start + SESSIONS_A_QUERY);
      const result = await db.executeQuery<{ session_id: string; count: number }>(
        countStatement(table, userId, part),
      );
      for (const row of result.rows) counts.set(row.session_id, row.count);
    }
  }
  return counts;
}

/** With the read positions as constants: out of a join MariaDB would take the session alone from the index, and read it whole. */
function countStatement(
  table: MessageTableName,
  userId: string,
  positions: readonly { id: string; last_fetch_time: SqlTime }[],
): CompiledQuery<{ session_id: string; count: number }> {
  const ranges = positions.map(() => '(session_id = ? and timestamp > ?)').join(' or ');
  return CompiledQuery.raw(
    `select session_id, count(*) as count from ${table} where (${ranges}) and sender_id <> ? group by session_id`,
    [...positions.flatMap(({ id, last_fetch_time: time }) => [id, time]), userId],
  );
}

/** Unread messages of one participant in one session. */
export async function unreadCount(
  db: Queryable,
  session: Pick<SessionRow, 'id' | 'type'>,
  userId: string,
): Promise<number> {
  const row = await db
    .selectFrom('participants as p')
    .innerJoin(`${messageTable(session.type)} as m`, (join) =>
      join
        .onRef('m.session_id', '=', 'p.session_id')
        .onRef('m.timestamp', '>', 'p.last_fetch_time')
        .onRef('m.sender_id', '<>', 'p.participant_id'),
    )
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('p.session_id', '=', session.id)
    .where('p.participant_id', '=', userId)
    .executeTakeFirst();
  return row?.count ?? 0;
}

/** A page of unread messages, oldest first, above the id `after`; one more than `limit` when there are more. */
export async function unreadMessages(
  db: Queryable,
  session: Pick<SessionRow, 'id' | 'type'>,
  userId: string,
  after: number | undefined,
  limit: number,
): Promise<MessageRow[]> {
  let query = db
    .selectFrom('participants as p')
    .innerJoin(`${messageTable(session.type)} as m`, (join) =>
      join
        .onRef('m.session_id', '=', 'p.session_id')
        .onRef('m.timestamp', '>', 'p.last_fetch_time')
        .onRef('m.sender_id', '<>', 'p.participant_id'),
    )
    .selectAll('m')
    .where('p.session_id', '=', session.id)
    .where('p.participant_id', '=', userId)
    // Times and ids rise together in a session; by time the index that finds the messages also orders them.
    .orderBy('m.timestamp')
    .limit(limit + 1);
  if (after !== undefined) query = query.where('m.id', '>', after);
  return query.execute();
}

/** Moves the participant's read position on to `time`, never back. @returns whether it moved */
export async function markRead(
  db: Queryable,
  sessionId: string,
  userId: string,
  time: SqlTime,
): Promise<boolean> {
  const result = await db
    .updateTable('participants')
    .set({ last_fetch_time: time })
    .where('session_id', '=', sessionId)
    .where('participant_id', '=', userId)
    .where('last_fetch_time', '<', time)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}
