import { CompiledQuery } from 'kysely';
import { type Database } from '../db/database';
import { type RunTogether } from '../db/dialect';
import { type MessageRow, type MessageTableName } from '../db/schema';
import { type SqlTime } from '../db/time';
import { AppError, invalidField, notFound, unavailable } from '../errors';
import { describeError, log } from '../logger';
import {
  Append,
  type Appended,
  type LockedSession,
  type NoticePlan,
  type WrittenNotices,
} from '../model/append';
import {
  fetchTimesStatement,
  lockStatement,
  membersStatement,
  placeholders,
  unrepliedTopicsStatement,
} from '../model/append-statements';
import { clientKey, SYSTEM_USER } from '../model/identifiers';
import { MESSAGE_TYPE, type MessageInput, REPLY_TYPES } from '../model/message-content';
import { type Member } from '../model/member';
import { messageTable, SESSION_TYPE } from '../model/message-tables';
import { messageJson } from '../views/message';
import { forwardedContent } from './forward';
import { type SendCache } from './send-cache';

/** One message that somebody wants stored. */
export interface Send {
  sessionId: string;
  /** null: the platform itself */
  senderId: string | null;
  /** Whether the platform's backend asks: it learns what exists, a user does not. */
  byBackend: boolean;
  message: MessageInput;
  clientMsgId: string | null;
  /** Where the answer goes that is part of the session's order: a socket's `message_ok`. */
  origin?: unknown;
}

export interface Sent {
  row: MessageRow;
  /** its wire form, JSON text */
  json: string;
  /** false: a repeat of an earlier send, whose message this is */
  created: boolean;
}

/** A message that was committed just now, for whoever delivers it. */
export interface Committed extends Appended {
  json: string;
  sessionType: number;
  members: ReadonlyMap<string, Member>;
  membersVersion: number;
  origin: unknown;
}

export interface CommitOutcome {
  committed: readonly Committed[];
  /** Sent again, and stored before: whoever stored them may have died before it told anybody. */
  repeated: readonly MessageRow[];
  /** Topics that got their first reply. */
  repliedTopics: readonly string[];
  notices: WrittenNotices;
}

export interface WriterOptions {
  database: Database;
  cache: SendCache;
  noticePlan: NoticePlan;
  /** Called once a commit, before any of its sends is answered; must not throw. */
  onCommitted(outcome: CommitOutcome): void;
  /** Messages that one transaction takes at most. */
  maxBatch?: number;
}

interface Waiting {
  send: Send;
  since: number;
  resolve(sent: Sent): void;
  reject(error: unknown): void;
}

/** SQLite takes 500 rows at most in a table of values. */
const MAX_BATCH = 200;
/** Whoever waited longer has been answered with `unavailable`. */
const MAX_WAIT_MS = 9_000;

/** What a commit read under the sessions' locks. */
interface Reads {
  sessions: Map<string, LockedSession>;
  repeats: Map<string, MessageRow>;
  /** By sender: what the cache forgets while the transaction is under way, the transaction keeps. */
  names: Map<string, string>;
}

/**
 * Stores messages, many in one transaction: while a commit is under way sends wait, and the next transaction takes all
 * that wait. So under load one flush to the disk serves dozens of messages, and a lone sender waits for nobody.
 */
export class Writer {
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #committing: Promise<void> = Promise.resolve();
  readonly #cache: SendCache;
  readonly #database: Database;

  constructor(private readonly options: WriterOptions) {
    this.#cache = options.cache;
    this.#database = options.database;
  }

  /**
   * Stores one message. Sends of one caller are stored in the order of the calls.
   * @returns after the commit
   * @throws AppError `not_found`, `forbidden`, `validation_failed` for this send alone; `unavailable` when the database is away
   */
  submit(send: Send): Promise<Sent> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ send, since: Date.now(), resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when the transaction that is under way now, if any, has ended and `onCommitted` knows of it. */
  settled(): Promise<void> {
    return this.#committing;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Lets in what has arrived at the process already: SQLite commits without ever leaving the event loop to others.
      await new Promise(setImmediate);
      const batch = this.#waiting.splice(0, this.options.maxBatch ?? MAX_BATCH);
      const expired = Date.now() - MAX_WAIT_MS;
      for (const each of batch) {
        if (each.since < expired) each.reject(unavailable('The database does not answer.'));
      }
      this.#committing = this.#commit(batch.filter((each) => each.since >= expired));
      await this.#committing;
    }
    this.#running = undefined;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      await this.#learnTypes(batch);
      const outcome = await this.#attempt(batch);
      this.#waiting.unshift(...outcome.rest);
      this.#tell(outcome);
      for (const settle of outcome.answers) settle();
    } catch (error) {
      if (this.#database.dialect.isUnavailable(error)) {
        for (const each of batch) each.reject(error);
        return;
      }
      if (batch.length === 1) {
        batch[0]?.reject(error);
        return;
      }
      // One of them breaks the transaction: each goes alone, so that its neighbours don't fail with it.
      log.error(
        `a transaction of ${batch.length} messages failed, trying each alone: ${describeError(error)}`,
      );
      for (const each of batch) await this.#commit([each]);
    }
  }

  /** What is committed is stored, whatever becomes of the telling: it must not be tried again. */
  #tell(outcome: CommitOutcome): void {
    try {
      this.options.onCommitted(outcome);
    } catch (error) {
      log.error(`what was stored could not be delivered: ${describeError(error)}`);
    }
  }

  /**
   * Nearly no send is a repeat, so nobody looks for repeats at first: the unique index refuses one, and then the whole
   * transaction is made again with a look. Forwards are looked for at once, since a repeat's source may be gone.
   */
  async #attempt(batch: readonly Waiting[]) {
    const look = batch.some(({ send }) => send.message.type === MESSAGE_TYPE.forwarded);
    try {
      return await this.#database.connection((run) => this.#transaction(run, batch, look));
    } catch (error) {
      if (look || !this.#database.dialect.isUniqueViolation(error)) throw error;
      return this.#database.connection((run) => this.#transaction(run, batch, true));
    }
  }

  /** The table of a session's messages must be known before its row is locked, to look for repeats in the same round trip. */
  async #learnTypes(batch: readonly Waiting[]): Promise<void> {
    const { types } = this.#cache;
    const unknown = unique(batch.map((each) => each.send.sessionId)).filter((id) => !types.has(id));
    if (unknown.length === 0) return;
    const rows = await this.#database.kysely
      .selectFrom('sessions')
      .select(['id', 'type'])
      .where('id', 'in', unknown)
      .execute();
    for (const row of rows) types.set(row.id, row.type);
  }

  async #transaction(run: RunTogether, batch: readonly Waiting[], lookForRepeats: boolean) {
    const answers: (() => void)[] = [];
    const committed: Committed[] = [];
    const repeated: MessageRow[] = [];
    const reads = await this.#read(run, batch, lookForRepeats);
    const { repeats } = reads;
    const append = new Append(this.#database.dialect, this.options.noticePlan);
    let taken = 0;
    for (const { send, ...waiting } of batch) {
      if (append.full) break;
      taken += 1;
      try {
        const placed = await this.#place(run, send, reads, append);
        if ('repeat' in placed) {
          const row = placed.repeat;
          repeated.push(row);
          answers.push(() => waiting.resolve({ row, json: messageJson(row), created: false }));
          continue;
        }
        const { session } = placed;
        const message: Committed = Object.assign(placed.appended, {
          json: '',
          sessionType: session.row.type,
          members: session.members,
          membersVersion: session.row.members_version,
          origin: send.origin,
        });
        committed.push(message);
        if (message.row.client_key !== null) repeats.set(message.row.client_key, message.row);
        answers.push(() => waiting.resolve({ row: message.row, json: message.json, created: true }));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        answers.push(() => waiting.reject(error));
      }
    }
    await append.store(run, [CompiledQuery.raw('commit')]);
    for (const message of committed) message.json = messageJson(message.row);
    return {
      answers,
      rest: batch.slice(taken),
      committed,
      repeated,
      repliedTopics: [...append.repliedTopics],
      notices: append.notices,
    };
  }

  /** Locks the sessions and reads, in one round trip, all that is not known yet. */
  async #read(run: RunTogether, batch: readonly Waiting[], lookForRepeats: boolean): Promise<Reads> {
    const { dialect } = this.#database;
    const cache = this.#cache;
    const sessionIds = unique(batch.map((each) => each.send.sessionId)).filter((id) => cache.types.has(id));
    const reads: Reads = { sessions: new Map(), repeats: new Map(), names: new Map() };
    const statements: CompiledQuery[] = [CompiledQuery.raw(dialect.begin)];
    const receivers: ((rows: Record<string, unknown>[]) => void)[] = [() => undefined];
    const read = (statement: CompiledQuery, receive: (rows: Record<string, unknown>[]) => void) => {
      statements.push(statement);
      receivers.push(receive);
    };

    const members = new Map<string, Map<string, Member>>();
    const unreplied = new Map<string, string>();
    const receiveMembers = (rows: Record<string, unknown>[]) => {
      for (const row of rows) {
        const member = { id: row.participant_id as string, type: row.type as Member['type'] };
        const known = members.get(row.session_id as string);
        if (known === undefined) members.set(row.session_id as string, new Map([[member.id, member]]));
        else known.set(member.id, member);
      }
    };

    if (sessionIds.length > 0) {
      read(lockStatement(sessionIds, dialect), (rows) => {
        for (const row of rows) {
          const { id_step: idStep, ...session } = row as unknown as LockedSession['row'] & {
            id_step: number;
          };
          const fetchTimes = new Map<string, SqlTime>();
          reads.sessions.set(session.id, {
            row: session,
            members: new Map(),
            fetchTimes,
            unrepliedTopic: null,
            idStep,
          });
        }
      });
      const pairs = senderPairs(batch);
      if (pairs.length > 0) {
        read(fetchTimesStatement(dialect, pairs), (rows) => {
          for (const row of rows) {
            reads.sessions
              .get(row.session_id as string)
              ?.fetchTimes.set(row.participant_id as string, row.last_fetch_time as SqlTime);
          }
        });
      }
      const strangers = sessionIds.filter((id) => cache.guess(id) === undefined);
      if (strangers.length > 0) read(membersStatement(strangers), receiveMembers);
      const replied = unique(
        batch.filter((each) => this.#mayReply(each.send)).map((each) => each.send.sessionId),
      );
      if (replied.length > 0) {
        read(unrepliedTopicsStatement(replied), (rows) => {
          for (const row of rows) unreplied.set(row.open_session_id as string, row.id as string);
        });
      }
      for (const [table, keys] of lookForRepeats ? this.#clientKeys(batch) : []) {
        read(
          CompiledQuery.raw(`select * from ${table} where client_key in (${placeholders(keys)})`, keys),
          (rows) => {
            for (const row of rows as unknown as MessageRow[]) reads.repeats.set(row.client_key ?? '', row);
          },
        );
      }
    }
    const nameless: string[] = [];
    for (const id of unique(batch.flatMap((each) => each.send.senderId ?? []))) {
      const name = cache.names.get(id);
      if (name === undefined) nameless.push(id);
      else reads.names.set(id, name);
    }
    const namesAsOf = cache.names.version;
    if (nameless.length > 0) {
      for (const table of ['patients', 'doctors']) {
        read(
          CompiledQuery.raw(
            `select id, name from ${table} where id in (${placeholders(nameless)})`,
            nameless,
          ),
          (rows) => {
            for (const { id, name } of rows as { id: string; name: string }[]) {
              reads.names.set(id, name);
              cache.names.set(id, name, namesAsOf);
            }
          },
        );
      }
    }

    const results = await run(statements);
    results.forEach((result, index) => receivers[index]?.(result.rows));

    const stale = [...reads.sessions.values()].filter(
      ({ row }) => !members.has(row.id) && cache.members(row.id, row.members_version) === undefined,
    );
    if (stale.length > 0) {
      const [result] = await run([membersStatement(stale.map(({ row }) => row.id))]);
      receiveMembers(result?.rows ?? []);
    }
    for (const session of reads.sessions.values()) {
      const { id, members_version: version } = session.row;
      session.members = members.get(id) ?? cache.members(id, version) ?? new Map();
      session.unrepliedTopic = unreplied.get(id) ?? null;
      cache.setMembers(id, version, session.members);
    }
    return reads;
  }

  #mayReply(send: Send): boolean {
    if (!REPLY_TYPES.has(send.message.type) || send.senderId === null) return false;
    const members = this.#cache.guess(send.sessionId);
    return members === undefined || members.get(send.senderId)?.type !== 'patient';
  }

  #clientKeys(batch: readonly Waiting[]): Map<MessageTableName, string[]> {
    const keys = new Map<MessageTableName, string[]>();
    for (const { send } of batch) {
      const type = this.#cache.types.get(send.sessionId);
      if (type === undefined || send.clientMsgId === null) continue;
      const table = messageTable(type);
      const key = clientKey(send.sessionId, send.senderId ?? SYSTEM_USER.id, send.clientMsgId);
      const known = keys.get(table);
      if (known === undefined) keys.set(table, [key]);
      else known.push(key);
    }
    return keys;
  }

  /** Who may, what was sent before, and else the message's place in its session. */
  async #place(
    run: RunTogether,
    send: Send,
    { names, repeats, sessions }: Reads,
    append: Append,
  ): Promise<{ repeat: MessageRow } | { session: LockedSession; appended: Appended }> {
    const session = sessions.get(send.sessionId);
    if (session === undefined) throw notFound('session');
    const senderId = send.senderId ?? SYSTEM_USER.id;
    if (send.senderId !== null && !session.members.has(send.senderId)) {
      if (!send.byBackend) throw notFound('session');
      throw invalidField('sender_id', 'no participant of the session');
    }
    if (
      send.senderId === null &&
      send.message.type !== MESSAGE_TYPE.system &&
      session.row.type !== SESSION_TYPE.system
    ) {
      throw invalidField('sender_id', 'required');
    }
    if (
      !send.byBackend &&
      (session.row.type === SESSION_TYPE.system || send.message.type === MESSAGE_TYPE.system)
    ) {
      throw new AppError('forbidden', 'System messages come from the platform alone.');
    }
    if (send.clientMsgId !== null) {
      const repeat = repeats.get(clientKey(send.sessionId, senderId, send.clientMsgId));
      if (repeat !== undefined) return { repeat };
    }
    const appended = append.add(session, {
      senderId,
      senderName: send.senderId === null ? SYSTEM_USER.name : (names.get(senderId) ?? senderId),
      type: send.message.type,
      content:
        send.message.type === MESSAGE_TYPE.forwarded
          ? await forwardedContent(run, send.message.content, send.senderId)
          : JSON.stringify(send.message.content),
      clientMsgId: send.clientMsgId,
    });
    return { session, appended };
  }
}

/** Every session of a batch with each of its senders. */
function senderPairs(batch: readonly Waiting[]): (readonly [string, string])[] {
  const pairs = new Map<string, readonly [string, string]>();
  for (const { send } of batch) {
    if (send.senderId !== null)
      pairs.set(`${send.sessionId} ${send.senderId}`, [send.sessionId, send.senderId]);
  }
  return [...pairs.values()];
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
