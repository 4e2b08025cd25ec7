import { type MessageTableName } from '../db/schema';

/** A session's type names the table of its messages. */
export const MESSAGE_TABLES = ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'] as const;

export const SESSION_TYPE = { system: 0, muc: 1, p2p: 2, group: 3 } as const;

export function messageTable(sessionType: number): MessageTableName {
  const table = MESSAGE_TABLES[sessionType];
  if (table === undefined) throw new RangeError(`no table for sessions of type ${sessionType}`);
  return table;
}
