import { type Dialect, type Fragment, type Statement, statement } from '../db/dialect';
import { type MessageRow, type MessageTableName, type SessionRow } from '../db/schema';
import { type SqlTime } from '../db/time';
import { type Member } from './member';

/**
 * The statements of a group commit, written by hand: their texts are long and their values many, and a query builder's
 * nodes for each of them would cost more than the database's work.
 */

/** What appending needs of a session; its last content, which may be long, is not among it. */
export const LOCKED_COLUMNS = [
  'id',
  'type',
  'name',
  'business_type',
  'create_date',
  'last_message_id',
  'last_sender_id',
  'last_message_time',
  'other_message_time',
  'clock_time',
  'members_version',
] as const;

/** A session's row as it was read under its lock; what the last message says is known once one was added. */
export type LockedRow = Pick<SessionRow, (typeof LOCKED_COLUMNS)[number]> &
  Partial<Pick<SessionRow, 'last_sender_name' | 'last_content_type' | 'last_content'>>;

/** `select … for update` of sessions, always in the order of their ids, so that two transactions can't deadlock on them. */
export function lockStatement(ids: readonly string[], dialect: Dialect): Statement {
  return statement(
    `select ${LOCKED_COLUMNS.join(', ')}, ${dialect.idStep} as id_step from sessions where id in (${placeholders(ids)}) order by id${dialect.forUpdate}`,
    [...ids],
  );
}

/** Of a session's row: whatever a send relies on changes one of them. */
export type Stamp = Pick<LockedRow, 'id' | 'clock_time' | 'members_version'>;

/** Locks sessions, and fails unless each of them is as it was when it was last read. */
export function expectSessions(dialect: Dialect, stamps: readonly Stamp[]): Statement {
  return dialect.expectRows(
    'sessions',
    {
      text: stamps.map(() => '(id = ? and clock_time = ? and members_version = ?)').join(' or '),
      values: stamps.flatMap((row) => [row.id, row.clock_time, row.members_version]),
    },
    stamps.length,
    'lock',
  );
}

/** A participant who has not read what came at that time. */
export interface Unread {
  sessionId: string;
  userId: string;
  time: SqlTime;
}

/** Fails unless each of them has still something unread. */
export function expectUnread(dialect: Dialect, unread: readonly Unread[]): Statement {
  return dialect.expectRows(
    'participants',
    {
      text: unread.map(() => '(session_id = ? and participant_id = ? and last_fetch_time < ?)').join(' or '),
      values: unread.flatMap(({ sessionId, time, userId }) => [sessionId, userId, time]),
    },
    unread.length,
  );
}

export function membersStatement(ids: readonly string[]): Statement {
  return statement(
    `select session_id, participant_id, type, last_fetch_time from participants where session_id in (${placeholders(ids)})`,
    [...ids],
  );
}

export function unrepliedTopicsStatement(ids: readonly string[]): Statement {
  return statement(
    `select id, open_session_id from topics where open_session_id in (${placeholders(ids)}) and reply = 0`,
    [...ids],
  );
}

export function placeholders(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

/** Up to when these participants have read. */
export function fetchTimesStatement(
  dialect: Dialect,
  pairs: readonly (readonly [sessionId: string, userId: string])[],
): Statement {
  return statement(
    `select session_id, participant_id, last_fetch_time from participants where ${dialect.rowIn(['session_id', 'participant_id'], pairs.length)}`,
    pairs.flat(),
  );
}

/** One INSERT of rows that get their ids in their order. */
export function insertMessages(table: MessageTableName, messages: readonly MessageRow[]): Statement {
  const row = '(?, ?, ?, ?, ?, ?, ?, ?)';
  return statement(
    `insert into ${table} (session_id, sender_id, sender_name, type, content, timestamp, client_msg_id, client_key) values ${messages.map(() => row).join(', ')}`,
    messages.flatMap((message) => [
      message.session_id,
      message.sender_id,
      message.sender_name,
      message.type,
      message.content,
      message.timestamp,
      message.client_msg_id,
      message.client_key,
    ]),
  );
}

const SESSION_COLUMNS = [
  'last_sender_id',
  'last_sender_name',
  'last_content_type',
  'last_content',
  'last_message_time',
  'other_message_time',
  'clock_time',
] as const;

/** Sets what a session says of its last message. The rows are locked, so each exists and is only updated. */
export function sessionsStatement(
  dialect: Dialect,
  sessions: readonly { row: LockedRow; lastId: Fragment }[],
): Statement {
  const required = ['id', 'type', 'name', 'business_type', 'create_date'] as const;
  const columns = [...required, ...SESSION_COLUMNS] as const;
  return dialect.upsertRows(
    'sessions',
    ['id'],
    [...columns, 'last_message_id'],
    {
      text: sessions.map(({ lastId }) => `(${placeholders(columns)}, ${lastId.text})`).join(', '),
      values: sessions.flatMap(({ row, lastId }) => [
        ...columns.map((column) => row[column]),
        ...lastId.values,
      ]),
    },
    [...SESSION_COLUMNS, 'last_message_id'].map((column) => `${column} = new(${column})`).join(', '),
  );
}

export interface ParticipantChange {
  sessionId: string;
  member: Member;
  sent: SqlTime;
  fetched: SqlTime;
}

/** Sets when senders last sent, and moves on up to when they have read. They are members under the session's lock. */
export function participantsStatement(dialect: Dialect, changes: readonly ParticipantChange[]): Statement {
  return dialect.upsertRows(
    'participants',
    ['session_id', 'participant_id'],
    ['session_id', 'participant_id', 'type', 'last_sent_time', 'last_fetch_time'],
    {
      text: changes.map(() => '(?, ?, ?, ?, ?)').join(', '),
      values: changes.flatMap(({ sessionId, member, sent, fetched }) => [
        sessionId,
        member.id,
        member.type,
        sent,
        fetched,
      ]),
    },
    // Somebody else's reading may have moved it on meanwhile; it never goes back.
    `last_sent_time = new(last_sent_time), last_fetch_time = case
      when participants.last_fetch_time < new(last_fetch_time) then new(last_fetch_time)
      else participants.last_fetch_time end`,
  );
}
