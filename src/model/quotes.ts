import { type Queryable } from '../db/database';
import { type MessageRow, type MessageTableName } from '../db/schema';
import { placeholders, type Statement, statement } from '../db/statement';

const COLUMNS = ['id', 'session_id', 'sender_id', 'sender_name', 'type', 'content'] as const;

/** What a quote needs of the message that it names. */
export type Quoted = Pick<MessageRow, (typeof COLUMNS)[number]>;

/** By id, of one session. */
export type QuotedMessages = ReadonlyMap<number, Quoted>;

const NONE: QuotedMessages = new Map();

/**
 * The messages that `rows`, all of one session, quote: one query, and none where nothing is quoted. Those that retention
 * deleted are missing.
 */
export async function quotedBy(
  db: Queryable,
  table: MessageTableName,
  sessionId: string,
  rows: readonly Pick<MessageRow, 'reply_to'>[],
): Promise<QuotedMessages> {
  const ids = new Set(rows.flatMap((row) => row.reply_to ?? []));
  if (ids.size === 0) return NONE;
  const found = await db
    .selectFrom(table)
    .select(COLUMNS)
    // By the primary key alone: MariaDB would read the whole session.
    .where('id', 'in', [...ids])
    .execute();
  return new Map(found.filter((row) => row.session_id === sessionId).map((row) => [row.id, row]));
}

/** The same as a statement, for messages of any sessions of a table. */
export function quotedStatement(table: MessageTableName, ids: readonly number[]): Statement {
  return statement(
    `select ${COLUMNS.join(', ')} from ${table} where id in (${placeholders(ids.length)})`,
    ids,
  );
}
