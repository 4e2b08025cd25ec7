import { type Dialect } from '../../db/dialect';
import { type MessageRow, type MessageTableName } from '../../db/schema';
import { NewId, type Run, type Statement } from '../../db/statement';
import { fromSqlTime, type SqlTime, toSqlTime } from '../../db/time';
import { REPLY_TYPES } from '../values/message-content';
import { activeDevices, type PushDevices } from '../devices';
import { nameFiles, type NewName } from '../files';
import { messageTable } from '../message-tables';
import { type Quoted } from '../quotes';
import { asName } from '../values/text';
import { type Events } from '../written-events';
import { insertNoticesOf, type NoticePlan, type WrittenNotices } from '../written-notices';
import {
  insertMessages,
  type RepliedTopic,
  type SenderUpdate,
  updateReplied,
  updateSenders,
  updateSessions,
} from './append-statements';
import { type LockedSession } from './locked-session';

/** A message that is to be appended. */
export interface Draft {
  senderId: string;
  senderName: string;
  type: number;
  /** JSON text */
  content: string;
  /** What makes a repeat known: the sender's own id of the message, and the key made of it (`clientKey`). */
  client: { id: string; key: string } | null;
  /** The files that it names; they are locked. */
  files?: readonly string[] | undefined;
  /** The message that it quotes, of the same session. */
  quoted?: Quoted | undefined;
}

/** A message that this transaction appends to a session. */
export interface Appended {
  row: MessageRow;
  /** The message that it quotes, as it was under the lock. */
  quoted: Quoted | undefined;
  /** The id of the message before it in its session, 0 for the first. */
  previousId: number;
}

interface SessionAppends {
  readonly session: LockedSession;
  readonly messages: (Appended & { id: NewId })[];
  /** One for each row of messages that one sender sent without another's in between. */
  readonly senders: { senderId: string; sent: SqlTime; othersLast: SqlTime }[];
}

/** Before every message. */
const NOTHING_SENT: SqlTime = '1970-01-01 00:00:00.000';

/**
 * Appends messages to locked sessions. This is the one place where a message gets its id and its time, so that in every
 * session both rise strictly, in commit order: the row's lock is held from before the id is given out until the commit.
 */
export class Append {
  readonly #sessions = new Map<string, SessionAppends>();
  readonly #byTable = new Map<MessageTableName, MessageRow[]>();
  readonly repliedTopics: RepliedTopic[] = [];
  readonly #names: NewName[] = [];
  /** What `store` wrote. */
  readonly notices: WrittenNotices = { dueNow: false, skipped: 0 };

  constructor(
    private readonly dialect: Dialect,
    private readonly noticePlan: NoticePlan,
    private readonly events: Events,
  ) {}

  /** Gives `draft` its time, later than everything in its session. Its id is known after `store`. */
  add(
    session: LockedSession,
    { client, content, files = [], quoted, senderId, senderName, type }: Draft,
  ): Appended {
    const { now, row } = session;
    const time = now > row.clock_time ? now : toSqlTime(fromSqlTime(row.clock_time) + 1);
    const message: MessageRow = {
      id: 0,
      session_id: row.id,
      sender_id: senderId,
      sender_name: asName(senderName),
      type,
      content,
      timestamp: time,
      client_msg_id: client?.id ?? null,
      client_key: client?.key ?? null,
      recalled_by: null,
      recalled_time: null,
      reply_to: quoted?.id ?? null,
      reply_sender_id: quoted?.sender_id ?? null,
      reply_sender_name: quoted?.sender_name ?? null,
      reply_type: quoted?.type ?? null,
    };
    if (row.last_sender_id !== senderId) row.other_message_time = row.last_message_time;
    row.last_sender_id = senderId;
    row.last_message_time = time;
    row.clock_time = time;
    const appended = { row: message, quoted, previousId: 0, id: this.#place(session, message) };
    this.events.add(session, 'message.created', { message: appended });
    if (row.unreplied_topic_id !== null && isReply(session, senderId, type)) {
      this.repliedTopics.push({ id: row.unreplied_topic_id, time });
      this.events.add(session, 'topic.replied', { topicId: row.unreplied_topic_id });
      row.unreplied_topic_id = null;
    }
    for (const fileId of files) this.#names.push({ fileId, sessionId: row.id, messageId: appended.id });
    const { messages, senders } = this.#appendsTo(session);
    messages.push(appended);
    const last = senders[senders.length - 1];
    if (last?.senderId === senderId) last.sent = time;
    else senders.push({ senderId, sent: time, othersLast: row.other_message_time ?? NOTHING_SENT });
    return appended;
  }

  #appendsTo(session: LockedSession): SessionAppends {
    let appends = this.#sessions.get(session.row.id);
    if (appends === undefined) {
      appends = { session, messages: [], senders: [] };
      this.#sessions.set(session.row.id, appends);
    }
    return appends;
  }

  #place(session: LockedSession, message: MessageRow): NewId {
    const table = messageTable(session.row.type);
    const rows = this.#byTable.get(table) ?? [];
    this.#byTable.set(table, rows);
    rows.push(message);
    return new NewId(table, (rows.length - 1) * session.idStep);
  }

  /**
   * Stores what was added, with what it changes of its sessions, senders and topics, and the notices. Its events are stored
   * with it where they can be; `Events.store` stores the others.
   * @param given devices of the sessions' members, where pushes are made and they were read under the lock; read here by default
   */
  async store(run: Run, given?: PushDevices): Promise<void> {
    if (this.#sessions.size === 0) return;
    const devices = this.noticePlan.usesDevices
      ? (given ?? (await activeDevices(run, [...this.#sessions.keys()])))
      : null;
    const inserts = [...this.#byTable].map(([table, rows]) => insertMessages(table, rows));
    const results = await run([
      ...inserts,
      ...this.#senders(),
      updateSessions(
        this.dialect,
        Array.from(this.#sessions.values(), ({ messages, session }) => {
          const last = messages[messages.length - 1];
          if (last === undefined) throw new RangeError('a session without a message');
          return { row: session.row, last: last.row, lastId: last.id };
        }),
      ),
      ...(this.repliedTopics.length === 0 ? [] : [updateReplied(this.repliedTopics)]),
      ...insertNoticesOf(this.#sessions.values(), this.noticePlan, devices, this.notices),
      ...(this.#names.length === 0 ? [] : nameFiles(this.#names)),
      ...this.events.take(),
    ]);
    const firstIds = new Map(
      [...this.#byTable.keys()].map((table, index) => [table as string, results[index]?.firstId ?? NaN]),
    );
    for (const { messages, session } of this.#sessions.values()) {
      for (const appended of messages) {
        appended.row.id = (firstIds.get(appended.id.table) ?? NaN) + appended.id.offset;
        appended.previousId = session.row.last_message_id;
        session.row.last_message_id = appended.row.id;
      }
    }
  }

  #senders(): Statement[] {
    const updates: SenderUpdate[] = [];
    for (const { senders, session } of this.#sessions.values()) {
      for (const { othersLast, senderId, sent } of senders) {
        // The platform sends, too, and is no member.
        if (session.members.has(senderId))
          updates.push({ sessionId: session.row.id, senderId, sent, othersLast });
      }
    }
    return updates.length === 0 ? [] : [updateSenders(this.dialect, updates)];
  }
}

function isReply({ members }: LockedSession, senderId: string, type: number): boolean {
  return REPLY_TYPES.has(type) && members.get(senderId)?.type === 'doctor';
}
