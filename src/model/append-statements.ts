import { type Dialect, type UpdatesTogether } from '../db/dialect';
import { RowsText, SqlExpression, SqlText, type SqlValue, type Statement, statement } from '../db/sql-text';
import { type MessageRow, type MessageTableName, type SessionRow } from '../db/schema';
import { type SqlTime } from '../db/time';
import { type Member } from './member';
import { MESSAGE_TABLES } from './message-tables';

/**
 * The statements of a group commit, written by hand: their texts are long and their values many, and a query builder's
 * nodes for each of them would cost more than the database's work.
 */

/** What appending needs of a session; its last content, which may be long, is not among it. */
const LOCKED_COLUMNS = [
  'id',
  'type',
  'name',
  'business_type',
  'create_date',
  'last_message_id',
  'last_sender_id',
  'last_message_time',
  'other_message_time',
  'sender_fetch_time',
  'clock_time',
  'members_version',
] as const;

/** A session's row as it was read under its lock. */
export type LockedRow = Pick<SessionRow, (typeof LOCKED_COLUMNS)[number]>;

/** A copy that can be changed. (Field by field: objects of one shape are read several times as fast.) */
export function lockedRow(row: LockedRow): LockedRow {
  return {
    id: row.id,
    type: row.type,
    name: row.name,
    business_type: row.business_type,
    create_date: row.create_date,
    last_message_id: row.last_message_id,
    last_sender_id: row.last_sender_id,
    last_message_time: row.last_message_time,
    other_message_time: row.other_message_time,
    sender_fetch_time: row.sender_fetch_time,
    clock_time: row.clock_time,
    members_version: row.members_version,
  };
}

/** `select … for update` of sessions, always in the order of their ids, so that two transactions can't deadlock on them. */
export function lockStatement(ids: readonly string[], dialect: Dialect): Statement {
  return statement(
    `select ${LOCKED_COLUMNS.join(', ')}, ${dialect.idStep} as id_step from sessions where id in (${placeholders(ids)}) order by id${dialect.forUpdate}`,
    [...ids],
  );
}

/** Of a session's row: whatever a send relies on changes one of them. */
export type Stamp = Pick<LockedRow, 'id' | 'clock_time' | 'members_version'>;

/** A participant who has not read what came at that time. */
export interface Unread {
  sessionId: string;
  userId: string;
  time: SqlTime;
}

/** Fails unless each of them has still something unread. */
export function expectUnread(dialect: Dialect, unread: readonly Unread[]): Statement {
  return dialect.expectOf('memberships', `count(*) = ${unread.length}`, (text) =>
    unread.forEach(({ sessionId, time, userId }, index) =>
      text
        .add(index === 0 ? '(session_id = ' : ' or (session_id = ')
        .value(sessionId)
        .add(' and participant_id = ')
        .value(userId)
        .add(' and last_fetch_time < ')
        .value(time)
        .add(')'),
    ),
  );
}

export function membersStatement(ids: readonly string[]): Statement {
  return statement(
    `select session_id, participant_id, type, last_fetch_time from memberships where session_id in (${placeholders(ids)})`,
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
    `select session_id, participant_id, last_fetch_time from memberships where ${dialect.rowIn(['session_id', 'participant_id'], pairs.length)}`,
    pairs.flat(),
  );
}

/** What is made once for each dialect. */
function perDialect<T>(make: (dialect: Dialect) => T): (dialect: Dialect) => T {
  const made = new Map<Dialect, T>();
  return (dialect) => {
    let known = made.get(dialect);
    if (known === undefined) made.set(dialect, (known = make(dialect)));
    return known;
  };
}

const MESSAGES = new Map(
  MESSAGE_TABLES.map((table) => [
    table,
    new RowsText(
      `insert into ${table} (session_id, sender_id, sender_name, type, content, timestamp, client_msg_id, client_key) values `,
    ),
  ]),
);

/** One INSERT of rows that get their ids in their order. */
export function insertMessages(table: MessageTableName, messages: readonly { row: MessageRow }[]): Statement {
  const text = MESSAGES.get(table);
  if (text === undefined) throw new RangeError(`no table of messages: ${table}`);
  return text.statement(
    messages.map(({ row }) => [
      row.session_id,
      row.sender_id,
      row.sender_name,
      row.type,
      row.content,
      row.timestamp,
      row.client_msg_id,
      row.client_key,
    ]),
  );
}

/** A session's row before its last message is written into it, that message, and its id. */
export interface SessionChange {
  row: LockedRow;
  last: MessageRow;
  lastId: SqlValue;
  /** As it is remembered: another one is not changed, and the transaction fails (`isOutdated`). undefined: it was read. */
  stamp: Stamp | undefined;
}

const LAST_COLUMNS = [
  'last_message_id',
  'last_sender_id',
  'last_sender_name',
  'last_content_type',
  'last_content',
  'last_message_time',
  'other_message_time',
  'sender_fetch_time',
  'clock_time',
];

/** What a session says of its last message, by `LAST_COLUMNS`. */
function lastOf({ last, lastId, row }: SessionChange): SqlValue[] {
  return [
    lastId,
    last.sender_id,
    last.sender_name,
    last.type,
    last.content,
    row.last_message_time,
    row.other_message_time,
    row.sender_fetch_time,
    row.clock_time,
  ];
}

/** Sets what sessions say of their last messages. Fails (`isOutdated`) where one is not as its stamp says. */
export function sessionsStatements(dialect: Dialect, changes: readonly SessionChange[]): Statement[] {
  const { together } = dialect;
  return together === undefined || changes.length === 1
    ? changes.map(sessionStatement)
    : [sessionsStatement(dialect, together, changes)];
}

function sessionStatement(change: SessionChange): Statement {
  const { row, stamp } = change;
  const text = new SqlText('update sessions set ');
  for (const [index, value] of lastOf(change).entries())
    text.add(`${index === 0 ? '' : ', '}${LAST_COLUMNS[index] ?? ''} = `).value(value);
  text.add(' where id = ').value(row.id);
  if (stamp === undefined) return text.statement;
  text.add(' and clock_time = ').value(stamp.clock_time);
  text.add(' and members_version = ').value(stamp.members_version);
  return { ...text.statement, changes: 1 };
}

/** An INSERT takes a value for each column that must have one, though no row is new; one of them carries the stamp's time. */
const STAMP_TIME = 'create_date';
const CARRIED = `id, type, name, business_type, ${STAMP_TIME}, members_version`;

const SESSIONS = perDialect((dialect) => {
  const insert = `insert into sessions (${CARRIED}, ${LAST_COLUMNS.join(', ')}) values `;
  const set = LAST_COLUMNS.map((column) => `${column} = new(${column})`);
  const update = (assignments: string[]) =>
    new RowsText(insert, dialect.onExisting(['id'], assignments.join(', ')));
  const isAsKnown = `clock_time = new(${STAMP_TIME}) and members_version = new(members_version)`;
  const confirm = dialect.together?.onlyIf(isAsKnown, 'members_version') ?? 'members_version';
  // First, since the assignments are made from left to right and the clock's is among them.
  return { plain: update(set), confirming: update([`members_version = ${confirm}`, ...set]) };
});

/** The rows in the order of their ids, in which they are locked: so two transactions can't deadlock on them. */
function sessionsStatement(
  dialect: Dialect,
  { countOfExisting }: UpdatesTogether,
  changes: readonly SessionChange[],
): Statement {
  const confirms = changes[0]?.stamp !== undefined;
  const { confirming, plain } = SESSIONS(dialect);
  const update = (confirms ? confirming : plain).statement(
    [...changes]
      .sort((a, b) => (a.row.id < b.row.id ? -1 : 1))
      .map((change) => [
        change.row.id,
        change.row.type,
        change.row.name,
        change.row.business_type,
        change.stamp?.clock_time ?? change.row.create_date,
        change.row.members_version,
        ...lastOf(change),
      ]),
  );
  // A session that is gone would be made anew.
  return confirms ? { ...update, changes: changes.length * countOfExisting } : update;
}

export interface ParticipantChange {
  sessionId: string;
  member: Member;
  sent: SqlTime;
  /** An id below that of the message after the one sent then. */
  afterId: number;
  /** Up to when the sender has read by then. */
  fetched: SqlTime;
  /** What is known for sure of that, which may be less; null: nothing. */
  known: SqlTime | null;
}

const PARTICIPANTS = perDialect((dialect) => {
  const update = (isUnread = '') =>
    new RowsText(
      'insert into memberships (session_id, participant_id, type, last_sent_time, last_sent_id, last_fetch_time) values ',
      dialect.onExisting(
        ['session_id', 'participant_id'],
        // Somebody else's reading may have moved it on meanwhile; it never goes back.
        `last_sent_time = new(last_sent_time), last_sent_id = new(last_sent_id), last_fetch_time = case ${isUnread}
      when memberships.last_fetch_time < new(last_fetch_time) then new(last_fetch_time)
      else memberships.last_fetch_time end`,
      ),
    );
  return {
    plain: update(),
    unlessUnread: update(`when memberships.participant_id = ? and memberships.session_id = ?
      and memberships.last_fetch_time < ? then memberships.last_fetch_time`),
  };
});

/**
 * Sets when senders last sent, and moves on up to when they have read. They are members under the session's lock.
 * @param unless one of them whose reading is not moved on if there is still something unread
 */
export function participantsStatement(
  dialect: Dialect,
  changes: readonly ParticipantChange[],
  unless?: Unread,
): Statement {
  const rows = changes.map(({ afterId, fetched, member, sent, sessionId }) => [
    sessionId,
    member.id,
    member.type,
    sent,
    afterId,
    fetched,
  ]);
  const { plain, unlessUnread } = PARTICIPANTS(dialect);
  return unless === undefined
    ? plain.statement(rows)
    : unlessUnread.statement(rows, [unless.userId, unless.sessionId, unless.time]);
}

/** A patient's notice of a message. */
export interface NoticeDraft {
  sessionId: string;
  messageId: SqlValue;
  userId: string;
  state: string;
  due: SqlTime;
}

const WECHAT = new SqlExpression("'wechat'");
const NOTICES = new RowsText(
  'insert into notices (channel, session_id, message_id, user_id, state, create_time, update_time, due_time) values ',
);

export function insertNotices(drafts: readonly NoticeDraft[], now: SqlTime): Statement {
  return NOTICES.statement(
    drafts.map(({ due, messageId, sessionId, state, userId }) => [
      WECHAT,
      sessionId,
      messageId,
      userId,
      state,
      now,
      now,
      due,
    ]),
  );
}
