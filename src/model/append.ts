import { type Dialect, type RunTogether } from '../db/dialect';
import { type MessageRow, type MessageTableName } from '../db/schema';
import { type SqlValue, type Statement, statement } from '../db/sql-text';
import { fromSqlTime, type SqlTime, toSqlTime } from '../db/time';
import {
  expectUnread,
  insertMessages,
  insertNotices,
  type LockedRow,
  lockedRow,
  lockStatement,
  membersStatement,
  type NoticeDraft,
  type ParticipantChange,
  participantsStatement,
  placeholders,
  sessionsStatements,
  type Stamp,
  type Unread,
  unrepliedTopicsStatement,
} from './append-statements';
import { type Member } from './member';
import { messageTable } from './message-tables';
import { MESSAGE_TYPE, REPLY_TYPES } from './message-content';
import { changeSenders, fetchedBefore, rememberSenders, type SenderAppends } from './sender-changes';
import { cutTo } from './text';

/**
 * Appending messages to sessions whose rows are locked. This is the one place where a message gets its id and its time,
 * so that in every session both rise strictly, in commit order.
 */

/** A session whose row this transaction holds, its participants, and the topic that still waits for a doctor's reply. */
export interface LockedSession {
  row: LockedRow;
  members: ReadonlyMap<string, Member>;
  /**
   * Up to when participants have read at least (it never goes back): of all, or of those who have sent and are about to.
   */
  fetchTimes: Map<string, SqlTime>;
  /** Of participants whose sends this process wrote into their rows: until when later ones are found without, see `sentTimes`. */
  sentUntil: Map<string, SqlTime>;
  unrepliedTopic: string | null;
  idStep: number;
  /** What it is a copy of: of a transaction that may be under way still, so that the id of its last message is not known yet. */
  previous?: LockedSession | undefined;
}

export interface Draft {
  senderId: string;
  senderName: string;
  type: number;
  /** JSON text */
  content: string;
  /** What makes a repeat known: the sender's own id of the message, and the key made of it (`clientKey`). */
  client: { id: string; key: string } | null;
}

/** A message that this transaction stores, and what the ones who hear of it need to know. */
export interface Appended {
  row: MessageRow;
  /** The id of the message before it in its session, 0 for the first. */
  previousId: number;
}

/** Notices that a transaction wrote: whether some are to be sent at once, and how many need no more than that. */
export interface WrittenNotices {
  dueNow: boolean;
  skipped: number;
}

/** What a patient's notice starts as, and in how many ms it is due: at once, or when a bound socket's time to acknowledge is over. */
export type NoticePlan = (
  sessionId: string,
  patientId: string,
) => { state: 'pending' | 'skipped'; delayMs: number };

/** A message and its place: in which table's INSERT, and there in which row. */
interface Placed extends Appended {
  readonly insert: number;
  readonly index: number;
}

/** The messages of one INSERT. */
interface Insert {
  table: MessageTableName;
  messages: Placed[];
}

interface SessionAppends extends SenderAppends {
  session: LockedSession;
  /** As the session was before. */
  stamp: Stamp;
  messages: Placed[];
  last: Placed;
  /** Once it was sent: what becomes of the senders' rows. */
  changes: readonly ParticipantChange[];
}

export interface StoreOptions {
  before?: readonly Statement[];
  rest?: readonly Statement[];
  confirm?: boolean;
  newTopic?: string;
}

/** Locks one session and reads what appending to it needs; undefined when it does not exist. */
export async function lockSession(
  run: RunTogether,
  dialect: Dialect,
  id: string,
): Promise<LockedSession | undefined> {
  const [sessions, members, topics] = await run([
    lockStatement([id], dialect),
    membersStatement([id]),
    unrepliedTopicsStatement([id]),
  ]);
  const row = sessions?.rows[0] as (LockedRow & { id_step: number }) | undefined;
  if (row === undefined) return undefined;
  return {
    row: lockedRow(row),
    members: new Map(
      (members?.rows ?? []).map((each) => [
        String(each.participant_id),
        { id: String(each.participant_id), type: each.type as Member['type'] },
      ]),
    ),
    unrepliedTopic: (topics?.rows[0]?.id as string | undefined) ?? null,
    fetchTimes: new Map(
      (members?.rows ?? []).map((each) => [String(each.participant_id), each.last_fetch_time as SqlTime]),
    ),
    sentUntil: new Map(),
    idStep: row.id_step,
  };
}

/** As many characters as the column takes; a name of the platform's own tables may be longer. */
const NAME_LENGTH = 100;

/** Collects messages for locked sessions and stores them all in a few statements. */
export class Append {
  readonly #sessions = new Map<string, SessionAppends>();
  readonly #inserts: Insert[] = [];
  readonly repliedTopics = new Set<string>();
  readonly #notices = { dueNow: false, skipped: 0 };
  readonly #nowTime: SqlTime;
  #weight = 0;
  /** As many as there can be. */
  #noticeCount = 0;

  constructor(
    private readonly dialect: Dialect,
    private readonly noticePlan: NoticePlan,
    private readonly now: number = Date.now(),
  ) {
    this.#nowTime = toSqlTime(now);
  }

  /** Whether `store` wrote notices that nobody has to wait for. */
  get notices(): WrittenNotices {
    return this.#notices;
  }

  get empty(): boolean {
    return this.#sessions.size === 0;
  }

  /** Whether more would make statements larger than a database takes: the rest belongs in another transaction. */
  get full(): boolean {
    return this.#weight >= FULL_WEIGHT;
  }

  /** Gives `draft` its time, later than everything in its session. Its id is known after `store`. */
  add(session: LockedSession, draft: Draft): Appended {
    const { row } = session;
    const { client, content, senderId, type } = draft;
    const before = row.clock_time;
    const time = this.#nowTime > before ? this.#nowTime : toSqlTime(fromSqlTime(before) + 1);
    const message: MessageRow = {
      id: 0,
      session_id: row.id,
      sender_id: senderId,
      sender_name: cutTo(draft.senderName, NAME_LENGTH),
      type,
      content,
      timestamp: time,
      client_msg_id: client === null ? null : client.id,
      client_key: client === null ? null : client.key,
    };
    const known = this.#sessions.get(row.id);
    const lastBefore = known?.lastBefore ?? {
      id: row.last_sender_id,
      sent: row.last_message_time,
      fetched: row.sender_fetch_time,
    };
    if (row.last_sender_id !== senderId) row.other_message_time = row.last_message_time;
    const othersBefore = row.other_message_time;
    row.last_sender_id = senderId;
    row.last_message_time = time;
    row.clock_time = time;
    if (
      session.unrepliedTopic !== null &&
      REPLY_TYPES.has(type) &&
      session.members.get(senderId)?.type === 'doctor'
    ) {
      this.repliedTopics.add(session.unrepliedTopic);
      session.unrepliedTopic = null;
    }
    const placed = this.#place(messageTable(row.type), message, row.last_message_id);
    if (known === undefined) {
      const stamp = { id: row.id, clock_time: before, members_version: row.members_version };
      const messages = [placed];
      const appends = { session, stamp, messages, last: placed, othersBefore, lastBefore, changes: [] };
      this.#sessions.set(row.id, appends);
    } else {
      known.messages.push(placed);
      known.last = placed;
    }
    const notices = patientsOf(session.members).length;
    this.#noticeCount += notices;
    this.#weight += content.length + notices * NOTICE_WEIGHT;
    return placed;
  }

  #place(table: MessageTableName, row: MessageRow, previousId: number): Placed {
    let insert = this.#inserts.findIndex((each) => each.table === table);
    if (insert === -1) insert = this.#inserts.push({ table, messages: [] }) - 1;
    const messages = this.#inserts[insert]?.messages ?? [];
    const placed: Placed = { row, previousId, insert, index: messages.length };
    messages.push(placed);
    return placed;
  }

  /** Whether enough is known of sessions that were not read in this transaction: see `store`, `confirm`. */
  get canConfirm(): boolean {
    for (const { session, messages } of this.#sessions.values()) {
      for (const { row } of messages) {
        if (session.members.has(row.sender_id) && !session.fetchTimes.has(row.sender_id)) return false;
      }
    }
    return true;
  }

  /**
   * First senders who, as far as is known, had not read everything. (Who had read everything then has nothing unread now.)
   * Of one of them the database decides by itself, if its own row tells all that it has read. Of more, or where the session's
   * row tells more, which would be lost then, a statement fails unless it is still so.
   */
  #unread(): { unread: Unread[]; undecided: Unread | undefined } {
    const unread: Unread[] = [];
    let decidable = true;
    for (const appends of this.#sessions.values()) {
      const { messages, othersBefore, session } = appends;
      const first = messages[0]?.row.sender_id ?? '';
      const fetched = fetchedBefore(appends, first);
      if (fetched === null || othersBefore === null || fetched >= othersBefore) continue;
      unread.push({ sessionId: session.row.id, userId: first, time: othersBefore });
      decidable &&= fetched === session.fetchTimes.get(first);
    }
    return { unread, undecided: unread.length === 1 && decidable ? unread[0] : undefined };
  }

  /** The sessions as they will be when this is committed, to be remembered; once it was sent. */
  remembered(): LockedSession[] {
    for (const { changes, session } of this.#sessions.values()) rememberSenders(session, changes);
    return this.sessions;
  }

  get sessions(): LockedSession[] {
    return Array.from(this.#sessions.values(), ({ session }) => session);
  }

  /**
   * Runs `before`, stores what was added, with the sessions' and the senders' state and the notices, then runs `rest`
   * (such as the commit), on MySQL all of it in one round trip. Afterwards every `Appended` has its id.
   * @param confirm for sessions that are remembered and were not locked: fails (`isOutdated`) unless they are still as
   * they are remembered. It is enough that their own UPDATE finds them so, after the INSERT: whoever else appended to one
   * of them meanwhile has changed it, and then these ids are given up.
   * @param newTopic one that is stored after this, and then says itself whether it was replied to
   */
  async store(run: RunTogether, options: StoreOptions = {}): Promise<void> {
    this.stored(await this.send(run, options));
  }

  /**
   * The same, but for the ids: for what is sent behind another transaction that is under way. All that the statements say
   * is known at once.
   * @returns for `stored`
   */
  async send(
    run: RunTogether,
    { before = [], rest = [], confirm = false, newTopic }: StoreOptions = {},
  ): Promise<number[]> {
    if (this.empty) {
      if (before.length + rest.length > 0) await run([...before, ...rest]);
      return [];
    }
    const { undecided, unread } = confirm ? this.#unread() : { undecided: undefined, unread: [] };
    const changes: ParticipantChange[] = [];
    for (const appends of this.#sessions.values()) {
      appends.changes = changeSenders(appends, undecided);
      changes.push(...appends.changes);
    }
    return await this.dialect.insertThen(
      run,
      before,
      this.#inserts.map(({ messages, table }) => ({
        statement: insertMessages(table, messages),
        count: messages.length,
      })),
      (idOf) => [
        ...this.#sessionUpdates(idOf, confirm),
        ...(unread.length > 0 && undecided === undefined ? [expectUnread(this.dialect, unread)] : []),
        ...(changes.length === 0 ? [] : [participantsStatement(this.dialect, changes, undecided)]),
        ...this.#topicUpdates(newTopic),
        ...this.#noticeInserts(idOf),
        ...rest,
      ],
      this.#idStep,
      Math.ceil(this.#noticeCount / NOTICES_A_STATEMENT),
    );
  }

  get #idStep(): number {
    for (const { session } of this.#sessions.values()) return session.idStep;
    return 1;
  }

  /** Gives every `Appended` its id, after whatever was sent before this has got its own. @param first the first id of each table's */
  stored(first: readonly number[]): void {
    const step = this.#idStep;
    for (const { session, messages } of this.#sessions.values()) {
      if (session.previous !== undefined) session.row.last_message_id = session.previous.row.last_message_id;
      session.previous = undefined;
      for (const placed of messages) {
        placed.row.id = (first[placed.insert] ?? 0) + placed.index * step;
        placed.previousId = session.row.last_message_id;
        session.row.last_message_id = placed.row.id;
      }
    }
  }

  #sessionUpdates(idOf: IdOf, confirm: boolean): Statement[] {
    return sessionsStatements(
      this.dialect,
      Array.from(this.#sessions.values(), ({ last, session: { row }, stamp }) => ({
        row,
        last: last.row,
        lastId: idOf(last.insert, last.index),
        stamp: confirm ? stamp : undefined,
      })),
    );
  }

  #topicUpdates(newTopic: string | undefined): Statement[] {
    const ids = [...this.repliedTopics].filter((id) => id !== newTopic);
    if (ids.length === 0) return [];
    const update = statement(`update topics set reply = 1 where id in (${placeholders(ids)})`, ids);
    return [{ ...update, changes: ids.length }];
  }

  #noticeInserts(idOf: IdOf): Statement[] {
    const drafts: NoticeDraft[] = [];
    for (const { session, messages } of this.#sessions.values()) {
      for (const patient of patientsOf(session.members)) {
        const { delayMs, state } = this.noticePlan(session.row.id, patient.id);
        const due = delayMs === 0 ? this.#nowTime : toSqlTime(this.now + delayMs);
        for (const { row, insert, index } of messages) {
          // A call's notice is sent at its invitation.
          if (row.sender_id === patient.id || row.type === MESSAGE_TYPE.call) continue;
          drafts.push({
            sessionId: row.session_id,
            messageId: idOf(insert, index),
            userId: patient.id,
            state,
            due,
          });
          if (state === 'skipped') this.#notices.skipped += 1;
          else if (delayMs === 0) this.#notices.dueNow = true;
        }
      }
    }
    const statements: Statement[] = [];
    for (let start = 0; start < drafts.length; start += NOTICES_A_STATEMENT) {
      const part = drafts.slice(start, start + NOTICES_A_STATEMENT);
      statements.push(insertNotices(part, this.#nowTime));
    }
    return statements;
  }
}

/** The id of the row at `index` of an INSERT that is under way. */
type IdOf = (insert: number, index: number) => SqlValue;

/**
 * What one transaction stores, in characters of content and rows of notices: on MySQL it is one packet, which may have
 * 16 MiB by default, after each character has become three bytes at most, or two by escaping, and a session's last
 * message has been written twice.
 */
const FULL_WEIGHT = 1024 * 1024;
const NOTICE_WEIGHT = 100;
/** SQLite takes 32,766 parameters a statement. */
const NOTICES_A_STATEMENT = 1000;

/** By the list of members, which is never changed, only replaced. */
const patients = new WeakMap<ReadonlyMap<string, Member>, readonly Member[]>();

/** Who may get a notice. */
function patientsOf(members: ReadonlyMap<string, Member>): readonly Member[] {
  let found = patients.get(members);
  if (found === undefined) {
    found = [...members.values()].filter((member) => member.type === 'patient');
    patients.set(members, found);
  }
  return found;
}
