import { type Dialect } from '../../db/dialect';
import { type MessageRow, type MessageTableName } from '../../db/schema';
import {
  type NewId,
  insertRows,
  placeholders,
  type SqlValue,
  type Statement,
  statement,
} from '../../db/statement';
import { type SqlTime } from '../../db/time';
import { type LockedRow } from './locked-session';

/**
 * The statements that store messages, one for all the rows of a table. They are written by hand: a query builder's nodes for
 * hundreds of values would cost more than the database's work. Rows that exist for sure, since their session is locked,
 * are updated by `INSERT … ON DUPLICATE KEY UPDATE`: an UPDATE a row, or one joined with a table of values, costs MySQL
 * several times as much. Such an INSERT names only what it changes: the tables have defaults for the rest.
 */

const MESSAGE_COLUMNS = [
  'session_id',
  'sender_id',
  'sender_name',
  'type',
  'content',
  'timestamp',
  'client_msg_id',
  'client_key',
] as const;
/** Named only where one of the rows quotes: most don't. */
const QUOTE_COLUMNS = ['reply_to', 'reply_sender_id', 'reply_sender_name', 'reply_type'] as const;

/** The rows get rising ids, in their order. */
export function insertMessages(table: MessageTableName, messages: readonly MessageRow[]): Statement {
  const quotes = messages.some((row) => row.reply_to !== null);
  const columns = quotes ? [...MESSAGE_COLUMNS, ...QUOTE_COLUMNS] : MESSAGE_COLUMNS;
  const rows = messages.map((row) => columns.map((column) => row[column]));
  const insert = insertRows(`${table} (${columns.join(', ')})`, rows);
  return { ...insert, makes: { table, rows: rows.length } };
}

/** A session's row, which says all but its last message, and that one. */
export interface SessionUpdate {
  row: LockedRow;
  last: MessageRow;
  lastId: NewId;
}

const LAST_COLUMNS = [
  'last_message_id',
  'last_sender_id',
  'last_sender_name',
  'last_content_type',
  'last_content',
  'last_message_time',
  'other_message_time',
  'clock_time',
  'unreplied_topic_id',
];

/** Sets what sessions say of their last messages, and the counters of their events where those were read with the lock. */
export function updateSessions(dialect: Dialect, updates: readonly SessionUpdate[]): Statement {
  const isCounted = updates[0]?.row.event_sequence !== undefined;
  const changed = isCounted ? [...LAST_COLUMNS, 'event_sequence'] : LAST_COLUMNS;
  const rows = updates.map(({ last, lastId, row }): SqlValue[] => [
    row.id,
    lastId,
    last.sender_id,
    last.sender_name,
    last.type,
    last.content,
    row.last_message_time,
    row.other_message_time,
    row.clock_time,
    row.unreplied_topic_id,
    ...(isCounted ? [row.event_sequence ?? 0] : []),
  ]);
  const set = changed.map((column) => `${column} = new(${column})`).join(', ');
  return insertRows(`sessions (${['id', ...changed].join(', ')})`, rows, dialect.onExisting(['id'], set));
}

export interface SenderUpdate {
  sessionId: string;
  senderId: string;
  /** When it sent last. By that it has also read everything, if it had read what others wrote up to then. */
  sent: SqlTime;
  /** When the last message came that others wrote before. */
  othersLast: SqlTime;
}

const SET_SENDER = `last_sent_time = new(last_sent_time),
  last_fetch_time = case
    when participants.last_fetch_time >= new(last_fetch_time) and participants.last_fetch_time < new(last_sent_time)
    then new(last_sent_time) else participants.last_fetch_time end`;

/** Sets when senders last sent, and moves on the read positions of those who had nothing unread. */
export function updateSenders(dialect: Dialect, updates: readonly SenderUpdate[]): Statement {
  const rows = updates.map(({ othersLast, senderId, sent, sessionId }) => [
    sessionId,
    senderId,
    sent,
    othersLast,
  ]);
  const into = 'participants (session_id, participant_id, last_sent_time, last_fetch_time)';
  return insertRows(into, rows, dialect.onExisting(['session_id', 'participant_id'], SET_SENDER));
}

/** A topic that got its first reply, and when. */
export interface RepliedTopic {
  id: string;
  time: SqlTime;
}

/** A doctor has replied to these topics. */
export function updateReplied(topics: readonly RepliedTopic[]): Statement {
  const times = topics.flatMap(({ id, time }) => [id, time]);
  return statement(
    `update topics set reply = 1, reply_time = case id ${'when ? then ? '.repeat(topics.length)}end
     where id in (${placeholders(topics.length)})`,
    [...times, ...topics.map(({ id }) => id)],
  );
}
