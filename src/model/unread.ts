import { CompiledQuery, type RawBuilder, sql } from 'kysely';
import { type Queryable } from '../db/database';
import { type MessageTableName, type SessionRow } from '../db/schema';
import { type SqlTime } from '../db/time';
import { bySessionHint, MESSAGE_TABLES, messagesBySession, messageTable } from './message-tables';
import { type MessagePage } from './messages';
import { quotedBy } from './quotes';

/**
 * Unread are the messages of others after the participant's `last_fetch_time`.
 * (The seed's statement counts one's own, too; the API leaves them out.)
 *
 * In a session times and ids rise together: so the newest message that is read is looked for from the session's end, and
 * what is unread has higher ids. All of it is read from the index `*_session`.
 */

/** Sessions that one query counts: SQLite takes expressions 1,000 deep. */
const SESSIONS_A_QUERY = 400;

/**
 * The id of the newest message that the participant `p` has read, 0 where there is none. (Ordered by all of the index: by the
 * id alone MySQL sorts the whole session.)
 */
function lastReadId(table: MessageTableName): RawBuilder<number> {
  return sql<number>`coalesce((select r.id from ${sql.table(table)} as r ${sql.raw(bySessionHint(table))}
    where r.session_id = p.session_id and r.timestamp <= p.last_fetch_time order by r.session_id desc, r.id desc limit 1), 0)`;
}

/**
 * Unread messages by session, sessions without any left out: a query for the read positions, and one a message table for
 * each 400 sessions that hold anything unread.
 */
export async function unreadCounts(
  db: Queryable,
  userId: string,
  sessionIds?: readonly string[],
): Promise<Map<string, number>> {
  const lastRead = sql<number>`case s.type ${sql.join(
    MESSAGE_TABLES.map((table, type) => sql`when ${sql.lit(type)} then ${lastReadId(table)}`),
    sql` `,
  )} end`;
  let query = db
    .selectFrom('participants as p')
    .innerJoin('sessions as s', 's.id', 'p.session_id')
    .select(['s.id', 's.type', lastRead.as('last_read_id')])
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
  positions: readonly { id: string; last_read_id: number }[],
): CompiledQuery<{ session_id: string; count: number }> {
  const ranges = positions.map(() => '(session_id = ? and id > ?)').join(' or ');
  return CompiledQuery.raw(
    `select session_id, count(*) as count from ${table} ${bySessionHint(table)} where (${ranges}) and sender_id <> ? group by session_id`,
    [...positions.flatMap(({ id, last_read_id: lastRead }) => [id, lastRead]), userId],
  );
}

/** The id of the newest message of the session that the participant has read, 0 for none; undefined: it is no participant. */
async function readPosition(
  db: Queryable,
  session: Pick<SessionRow, 'id' | 'type'>,
  userId: string,
): Promise<number | undefined> {
  const row = await db
    .selectFrom('participants as p')
    .select(lastReadId(messageTable(session.type)).as('last_read_id'))
    .where('p.session_id', '=', session.id)
    .where('p.participant_id', '=', userId)
    .executeTakeFirst();
  return row?.last_read_id;
}

/** Unread messages of one participant in one session. */
export async function unreadCount(
  db: Queryable,
  session: Pick<SessionRow, 'id' | 'type'>,
  userId: string,
): Promise<number> {
  const lastRead = await readPosition(db, session, userId);
  if (lastRead === undefined) return 0;
  const position = { id: session.id, last_read_id: lastRead };
  const { rows } = await db.executeQuery(countStatement(messageTable(session.type), userId, [position]));
  return rows[0]?.count ?? 0;
}

/**
 * Those of these participants to whom something in the session is unread. One query: the newest message of others decides, as times
 * and ids rise together.
 */
export async function participantsWithUnread(
  db: Queryable,
  session: Pick<SessionRow, 'id' | 'type'>,
  userIds: readonly string[],
): Promise<string[]> {
  if (userIds.length === 0) return [];
  const table = messageTable(session.type);
  const newest = sql<SqlTime>`(select m.timestamp from ${sql.table(table)} as m ${sql.raw(bySessionHint(table))}
    where m.session_id = p.session_id and m.sender_id <> p.participant_id order by m.session_id desc, m.id desc limit 1)`;
  const rows = await db
    .selectFrom('participants as p')
    .select('p.participant_id')
    .where('p.session_id', '=', session.id)
    .where('p.participant_id', 'in', [...userIds])
    .where('p.last_fetch_time', '<', newest)
    .execute();
  return rows.map((row) => row.participant_id);
}

/** A page of unread messages, oldest first, above the id `after`. */
export async function unreadMessages(
  db: Queryable,
  session: Pick<SessionRow, 'id' | 'type'>,
  userId: string,
  after: number | undefined,
  limit: number,
): Promise<MessagePage> {
  const table = messageTable(session.type);
  const lastRead = (await readPosition(db, session, userId)) ?? Number.MAX_SAFE_INTEGER;
  const found = await db
    .selectFrom(messagesBySession(table))
    .selectAll()
    .where('session_id', '=', session.id)
    .where('id', '>', Math.max(lastRead, after ?? 0))
    .where('sender_id', '<>', userId)
    .orderBy('id')
    .limit(limit + 1)
    .execute();
  const rows = found.slice(0, limit);
  const quoted = await quotedBy(db, table, session.id, rows);
  return { rows, more: found.length > limit, start: 'oldest', quoted };
}

/** The user's unread messages over all sessions. */
export async function unreadTotal(db: Queryable, userId: string): Promise<number> {
  const counts = await unreadCounts(db, userId);
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
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
