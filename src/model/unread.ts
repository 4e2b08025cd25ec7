import { type Queryable } from '../db/database';
import { type MessageRow, type SessionRow } from '../db/schema';
import { type SqlTime } from '../db/time';
import { MESSAGE_TABLES, messageTable } from './message-tables';

/**
 * Unread are the messages of others after the participant's `last_fetch_time`.
 * (The seed's statement counts one's own, too; the API leaves them out.)
 */

/** Unread messages by session, sessions without any left out: one query a message table, however many sessions. */
export async function unreadCounts(
  db: Queryable,
  userId: string,
  sessionIds?: readonly string[],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const table of MESSAGE_TABLES) {
    let query = db
      .selectFrom('participants as p')
      .innerJoin('sessions as s', 's.id', 'p.session_id')
      .innerJoin(`${table} as m`, (join) =>
        join
          .onRef('m.session_id', '=', 'p.session_id')
          .onRef('m.timestamp', '>', 'p.last_fetch_time')
          .onRef('m.sender_id', '<>', 'p.participant_id'),
      )
      .select((eb) => ['p.session_id', eb.fn.countAll<number>().as('count')])
      .where('p.participant_id', '=', userId)
      .where('s.type', '=', MESSAGE_TABLES.indexOf(table))
      // Spares the look into the messages for sessions that are read to their end.
      .whereRef('s.last_message_time', '>', 'p.last_fetch_time')
      .groupBy('p.session_id');
    if (sessionIds !== undefined) query = query.where('p.session_id', 'in', [...sessionIds]);
    for (const row of await query.execute()) counts.set(row.session_id, row.count);
  }
  return counts;
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
