import { type Queryable } from '../db/database';
import { type MessageRow, type MessageTableName } from '../db/schema';
import { type SqlTime } from '../db/time';
import { messagesBySession, messageTable } from './message-tables';
import { type Quoted, type QuotedMessages, quotedBy } from './quotes';
import { findSession } from './sessions';

export interface MessageRange {
  /** ids strictly below */
  before?: number | undefined;
  /** ids strictly above */
  after?: number | undefined;
  /** ids from this one on, such as a topic's start message */
  from?: number | undefined;
  /** ids up to this one */
  to?: number | undefined;
  limit: number;
}

export interface MessagePage {
  /** oldest first */
  rows: MessageRow[];
  /** whether the range holds more, on the side that the page did not start from */
  more: boolean;
  /** the side that the page started from: its other end is cut when it is too large */
  start: 'oldest' | 'newest';
  /** What they quote. */
  quoted: QuotedMessages;
}

/** A page of a session's messages: upwards from `after`, or, without it, the newest ones (`oldestFirst` turns that). */
export async function findMessages(
  db: Queryable,
  table: MessageTableName,
  sessionId: string,
  range: MessageRange,
  oldestFirst = range.after !== undefined,
): Promise<MessagePage> {
  let query = db
    .selectFrom(messagesBySession(table))
    .selectAll()
    .where('session_id', '=', sessionId)
    .orderBy('id', oldestFirst ? 'asc' : 'desc')
    .limit(range.limit + 1);
  if (range.before !== undefined) query = query.where('id', '<', range.before);
  if (range.after !== undefined) query = query.where('id', '>', range.after);
  if (range.from !== undefined) query = query.where('id', '>=', range.from);
  if (range.to !== undefined) query = query.where('id', '<=', range.to);
  const rows = await query.execute();
  const more = rows.length > range.limit;
  const page = rows.slice(0, range.limit);
  if (!oldestFirst) page.reverse();
  const quoted = await quotedBy(db, table, sessionId, page);
  return { rows: page, more, start: oldestFirst ? 'oldest' : 'newest', quoted };
}

export async function findMessage(
  db: Queryable,
  table: MessageTableName,
  sessionId: string,
  id: number,
): Promise<MessageRow | undefined> {
  return db
    .selectFrom(table)
    .selectAll()
    .where('id', '=', id)
    .where('session_id', '=', sessionId)
    .executeTakeFirst();
}

/** The message, and the one that it quotes. */
export async function findWithQuoted(
  db: Queryable,
  table: MessageTableName,
  sessionId: string,
  id: number,
): Promise<{ row: MessageRow; quoted: Quoted | undefined } | undefined> {
  const row = await findMessage(db, table, sessionId, id);
  if (row === undefined) return undefined;
  const quoted = await quotedBy(db, table, sessionId, [row]);
  return { row, quoted: quoted.get(row.reply_to ?? 0) };
}

/** The id of the session's newest message that is not later than `time`; 0 where there is none. */
export async function lastIdBefore(db: Queryable, sessionId: string, time: SqlTime): Promise<number> {
  const session = await findSession(db, sessionId);
  if (session === undefined) return 0;
  const row = await db
    .selectFrom(messagesBySession(messageTable(session.type)))
    .select('id')
    .where('session_id', '=', sessionId)
    .where('timestamp', '<=', time)
    // Ids and times rise together in a session; by id the index orders them.
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.id ?? 0;
}

/** The newest message of the session whose id is at most `id`. */
export async function findMessageUpTo(
  db: Queryable,
  table: MessageTableName,
  sessionId: string,
  id: number,
): Promise<Pick<MessageRow, 'id' | 'timestamp'> | undefined> {
  return db
    .selectFrom(messagesBySession(table))
    .select(['id', 'timestamp'])
    .where('session_id', '=', sessionId)
    .where('id', '<=', id)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
}
