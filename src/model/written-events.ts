import { randomUUID } from 'node:crypto';
import { type TopicRow, type WebhookEventRow } from '../db/schema';
import {
  type NewId,
  insertRows,
  placeholders,
  type Run,
  type SqlValue,
  type Statement,
  statement,
} from '../db/statement';
import { fromSqlTime, type SqlTime } from '../db/time';
import { type EventType } from '../resources/config/webhook';
import { type LockedSession } from './appending/locked-session';

/** What the platform's webhook wants to hear; empty: webhooks are off. */
export type WantedEvents = ReadonlySet<EventType>;

export const NO_EVENTS: WantedEvents = new Set();

/** A message of this transaction: its row has its id once it is stored. */
interface NamedMessage {
  row: { readonly id: number };
  id: NewId;
}

/** What an event tells beside its type. */
export interface EventSubject {
  message?: NamedMessage | number | undefined;
  /** The event tells the topic as it is after this transaction. */
  topicId?: string | undefined;
  /** Anything else, as the event's `data` has it. Never the content of a message. */
  details?: unknown;
}

interface Draft extends EventSubject {
  session: LockedSession;
  type: EventType;
  time: SqlTime;
  /** 0: not known yet. */
  sequence: number;
}

/** SQLite takes 32,766 values a statement. */
const EVENTS_A_STATEMENT = 1000;

/**
 * What one transaction tells the platform: events in the order in which they are added, each in a session that the transaction
 * has locked. They are stored with the transaction, so that a crash neither loses nor invents one. What nobody wants to hear is
 * not written.
 *
 * A session's events are counted in its row. A batch of sends reads that counter with the lock and writes it with the session;
 * then the events go with the messages, in the same text. All other transactions leave both to `store`.
 */
export class Events {
  #drafts: Draft[] = [];
  #ids = 0;
  #idEnd = '';

  constructor(private readonly wanted: WantedEvents) {}

  add(session: LockedSession, type: EventType, subject: EventSubject): void {
    if (!this.wanted.has(type)) return;
    const { now, row } = session;
    let sequence = 0;
    if (row.event_sequence !== undefined) sequence = row.event_sequence += 1;
    const time = now > row.clock_time ? now : row.clock_time;
    this.#drafts.push({ ...subject, session, type, time, sequence });
  }

  /** The statements that store the events, if that needs nothing but what is known here; they run behind the messages'. */
  take(): Statement[] {
    const isReady = this.#drafts.every(({ sequence, topicId }) => sequence > 0 && topicId === undefined);
    return isReady ? this.#takeAll(new Map()) : [];
  }

  /** Stores the events that are not stored yet. The last thing in a transaction: topics are told as they are then. */
  async store(run: Run): Promise<void> {
    if (this.#drafts.length === 0) return;
    const topicIds = this.#drafts.flatMap(({ topicId }) => topicId ?? []);
    const topics = topicIds.length === 0 ? [] : await readTopics(run, topicIds);
    const uncounted = this.#drafts.filter(({ sequence }) => sequence === 0);
    const counts = uncounted.length === 0 ? [] : number(uncounted, await readCounters(run, uncounted));
    await run([...this.#takeAll(new Map(topics.map(stateOf))), ...counts]);
  }

  #takeAll(topics: ReadonlyMap<string, string>): Statement[] {
    const simple: SqlValue[][] = [];
    const others: SqlValue[][] = [];
    for (const draft of this.#drafts) {
      const { details, sequence, session, time, topicId, type } = draft;
      const { now } = session;
      const row = [this.#idOf(draft), type, session.row.id, sequence, time, now, now, idOf(draft.message)];
      if (topicId !== undefined) others.push([...row, topicId, topics.get(topicId) ?? null]);
      else if (details !== undefined) others.push([...row, null, JSON.stringify(details)]);
      else simple.push(row);
    }
    this.#drafts = [];
    return [...insertEvents(MESSAGE_COLUMNS, simple), ...insertEvents(ALL_COLUMNS, others)];
  }

  /**
   * An id that nobody can give twice, of `[0-9a-z]` alone. Ids rise with time, and in a session with the sequence: so a list is
   * in their order, and new rows come at the end of the table.
   */
  #idOf({ sequence, time }: Draft): string {
    if (this.#ids === 0) this.#idEnd = randomUUID().slice(-12);
    this.#ids += 1;
    return `${textOf(time)}${sequence.toString(36).padStart(7, '0')}${this.#idEnd}${this.#ids.toString(36)}`;
  }
}

/** What an event of a message needs, and no more: they are many. The table has defaults for the rest. */
const MESSAGE_COLUMNS = [
  'id',
  'type',
  'session_id',
  'sequence',
  'create_time',
  'update_time',
  'due_time',
  'message_id',
] as const satisfies readonly (keyof WebhookEventRow)[];
const ALL_COLUMNS = [...MESSAGE_COLUMNS, 'topic_id', 'details'] as const;

function insertEvents(columns: readonly string[], rows: readonly SqlValue[][]): Statement[] {
  const statements: Statement[] = [];
  for (let start = 0; start < rows.length; start += EVENTS_A_STATEMENT) {
    const part = rows.slice(start, start + EVENTS_A_STATEMENT);
    statements.push(insertRows(`webhook_events (${columns.join(', ')})`, part));
  }
  return statements;
}

/** The time that was asked for last, and its text in an id: in a transaction nearly all are the same. */
let lastTime = '';
let lastText = '';

function textOf(time: SqlTime): string {
  if (time !== lastTime) {
    lastTime = time;
    lastText = fromSqlTime(time).toString(36).padStart(9, '0');
  }
  return lastText;
}

function idOf(message: EventSubject['message']): SqlValue {
  if (message === undefined || typeof message === 'number') return message ?? null;
  return message.row.id === 0 ? message.id : message.row.id;
}

/** A topic's state as JSON, by the topic's id: all but what people wrote. */
function stateOf({ description: _description, name: _name, ...state }: TopicRow): [string, string] {
  return [state.id, JSON.stringify(state)];
}

async function readTopics(run: Run, ids: readonly string[]): Promise<TopicRow[]> {
  const unique = [...new Set(ids)];
  const [found] = await run([
    statement(`select * from topics where id in (${placeholders(unique.length)})`, unique),
  ]);
  return (found?.rows ?? []) as unknown as TopicRow[];
}

/** What the sessions of these drafts have counted so far. */
async function readCounters(run: Run, drafts: readonly Draft[]): Promise<Map<string, number>> {
  const ids = [...new Set(drafts.map(({ session }) => session.row.id))];
  const [found] = await run([
    statement(`select id, event_sequence from sessions where id in (${placeholders(ids.length)})`, ids),
  ]);
  return new Map((found?.rows ?? []).map(({ event_sequence: count, id }) => [id as string, Number(count)]));
}

/** Gives drafts their sequences, after what `counters` says. @returns the statements that write the counters */
function number(drafts: readonly Draft[], counters: ReadonlyMap<string, number>): Statement[] {
  const last = new Map(counters);
  for (const draft of drafts) {
    const { id } = draft.session.row;
    draft.sequence = (last.get(id) ?? 0) + 1;
    last.set(id, draft.sequence);
  }
  return Array.from(last, ([id, count]) =>
    statement('update sessions set event_sequence = ? where id = ?', [count, id]),
  );
}
