import { type AliasedRawBuilder, type RawBuilder, sql } from 'kysely';
import { type MessageRow, type MessageTableName } from '../db/schema';

/** A session's type names the table of its messages. */
export const MESSAGE_TABLES = ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'] as const;

export const SESSION_TYPE = { system: 0, muc: 1, p2p: 2, group: 3 } as const;

export function messageTable(sessionType: number): MessageTableName {
  const table = MESSAGE_TABLES[sessionType];
  if (table === undefined) throw new RangeError(`no table for sessions of type ${sessionType}`);
  return table;
}

/**
 * What holds a table of messages to its index by session: for a page in the middle of a session MariaDB would take the
 * session alone from it, and read every message between that page and the session's end. A comment to SQLite, which has no
 * need of it.
 */
export function bySessionHint(table: MessageTableName): string {
  return `/*! force index (${table}_session) */`;
}

/** A table of messages, as `m`, where one session's are read by their ids. */
export function messagesBySession(table: MessageTableName): AliasedRawBuilder<MessageRow, 'm'> {
  const alias: RawBuilder<unknown> = sql.raw(`m ${bySessionHint(table)}`);
  return sql<MessageRow>`${sql.table(table)}`.as<'m'>(alias);
}
