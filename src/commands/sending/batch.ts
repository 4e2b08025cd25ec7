import { type Database } from '../../db/database';
import { type Dialect } from '../../db/dialect';
import { type MessageRow } from '../../db/schema';
import { placeholders, type Run, type Statement, statement, type StatementResult } from '../../db/statement';
import { AppError, Faults, invalidField, notFound } from '../../errors';
import { Append, type Appended } from '../../model/appending/append';
import { type NoticePlan, type WrittenNotices } from '../../model/written-notices';
import { type RepliedTopic } from '../../model/appending/append-statements';
import { Events, type WantedEvents } from '../../model/written-events';
import { type LockedSession, lockSessions } from '../../model/appending/locked-session';
import { activeDevicesIn, activeDevicesStatement, type PushDevices } from '../../model/devices';
import { MESSAGE_TABLES } from '../../model/message-tables';
import { filesNamedBy } from '../../model/values/content-files';
import { SYSTEM_USER } from '../../model/values/identifiers';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { type FileView } from '../../views/file';
import { messageJson } from '../../views/message';
import { mayWrite } from '../access/may-write';
import { filesOfCopy, NamedFiles, type Naming } from '../files/named-files';
import { forwardedContent } from './forwarded-content';
import { type MemberCache } from './member-cache';
import { type NameCache } from './name-cache';
import { QuotedMessages } from '../../model/quoted-messages';
import { type Send, type StoredMessage } from './send';
import { type QueuedSend } from './send-queue';

export interface BatchOptions {
  database: Database;
  members: MemberCache;
  names: NameCache;
  noticePlan: NoticePlan;
  fileLinks: FileView;
  wantedEvents: WantedEvents;
}

/** What one committed transaction of sends came to. */
export interface BatchOutcome {
  messages: StoredMessage[];
  /** Sent again, and stored before: whoever stored them may have died before it told anybody. */
  repeated: MessageRow[];
  /** Topics that got their first reply. */
  repliedTopics: readonly RepliedTopic[];
  notices: WrittenNotices;
  /** To be called when all of it was told: answers each send. */
  answers: (() => void)[];
}

/** A batch that begins before the one before it is committed. */
export interface Overlap {
  /** Called when all is written, and only the COMMIT is left. */
  written(): void;
  /** Resolves when the batch before is committed. @throws when it is not: then this one is rolled back */
  mayCommit(): Promise<void>;
}

/** What a transaction reads under its sessions' locks. */
interface Reads {
  sessions: ReadonlyMap<string, LockedSession>;
  /** Of the senders, by id. */
  names: Map<string, string>;
  /** Messages that were sent before, by key. */
  repeats: Map<string, MessageRow>;
  quoted: QuotedMessages;
  /** Of the sessions' members; undefined where no pushes are made. */
  devices: PushDevices | undefined;
}

/**
 * Stores sends in one transaction of three commands: lock the sessions and read, write, COMMIT. A send that may not be is
 * left out, and refused by its answer.
 * @param lookForRepeats whether some may be repeats: without it the unique index of `client_key` fails the transaction
 * @throws whatever fails all of them
 */
export function storeBatch(
  options: BatchOptions,
  sends: readonly QueuedSend[],
  lookForRepeats: boolean,
  overlap?: Overlap,
): Promise<BatchOutcome> {
  return options.database.batchTransaction(async (run) => {
    const { dialect } = options.database;
    const reads = await read(options, run, sends, lookForRepeats || sends.some(mayBeRefused));
    const files = await NamedFiles.lock(run, dialect, sends.map(namingOf));
    const events = new Events(options.wantedEvents);
    const append = new Append(dialect, options.noticePlan, events);
    const appended: { queued: QueuedSend; session: LockedSession; message: Appended }[] = [];
    const outcome: BatchOutcome = {
      messages: [],
      repeated: [],
      repliedTopics: append.repliedTopics,
      notices: append.notices,
      answers: [],
    };
    for (const queued of sends) {
      try {
        const session = sessionOf(queued.send, reads);
        const repeat = reads.repeats.get(queued.key ?? '');
        if (repeat !== undefined) {
          outcome.repeated.push(repeat);
          outcome.answers.push(() =>
            queued.resolve({
              row: repeat,
              json: messageJson(repeat, options.fileLinks, reads.quoted.of(repeat)),
              created: false,
            }),
          );
          continue;
        }
        const message = append.add(session, await draftOf(queued, reads, files, run, dialect));
        if (queued.key !== null) reads.repeats.set(queued.key, message.row);
        appended.push({ queued, session, message });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        outcome.answers.push(() => queued.reject(error));
      }
    }
    await append.store(run, reads.devices);
    await events.store(run);
    overlap?.written();
    for (const { message, queued, session } of appended) {
      const { previousId, quoted, row } = message;
      const json = messageJson(row, options.fileLinks, quoted);
      outcome.messages.push({ row, json, previousId, session, origin: queued.send.origin });
      outcome.answers.push(() => queued.resolve({ row, json, created: true }));
    }
    await overlap?.mayCommit();
    return outcome;
  });
}

/** Locks the sessions and reads what else is needed, in one round trip. */
async function read(
  { database, members, names, noticePlan, wantedEvents }: BatchOptions,
  run: Run,
  sends: readonly QueuedSend[],
  lookForRepeats: boolean,
): Promise<Reads> {
  const ids = [...new Set(sends.map(({ send }) => send.sessionId))];
  const reads: Reads = {
    sessions: new Map(),
    names: new Map(),
    repeats: new Map(),
    quoted: new QuotedMessages(),
    devices: undefined,
  };
  const more: Statement[] = [];
  const receivers: ((result: StatementResult) => void)[] = [];
  const ask = (asked: Statement, receive: (result: StatementResult) => void) => {
    more.push(asked);
    receivers.push(receive);
  };

  const nameless: string[] = [];
  for (const id of new Set(sends.flatMap(({ send }) => send.senderId ?? []))) {
    const name = names.get(id);
    if (name === undefined) nameless.push(id);
    else reads.names.set(id, name);
  }
  const namesAsOf = names.version;
  for (const table of nameless.length === 0 ? [] : ['patients', 'doctors']) {
    ask(
      statement(`select id, name from ${table} where id in (${placeholders(nameless.length)})`, nameless),
      ({ rows }) => {
        for (const { id, name } of rows as { id: string; name: string }[]) {
          reads.names.set(id, name);
          names.set(id, name, namesAsOf);
        }
      },
    );
  }
  const keys = lookForRepeats ? sends.flatMap(({ key }) => key ?? []) : [];
  for (const table of keys.length === 0 ? [] : MESSAGE_TABLES) {
    ask(
      statement(`select * from ${table} where client_key in (${placeholders(keys.length)})`, keys),
      ({ rows }) => {
        for (const row of rows as unknown as MessageRow[]) reads.repeats.set(row.client_key ?? '', row);
      },
    );
  }

  if (noticePlan.usesDevices)
    ask(activeDevicesStatement(ids), (result) => (reads.devices = activeDevicesIn(result)));

  const locked = await lockSessions(run, database.dialect, ids, members, more, wantedEvents.size > 0);
  locked.more.forEach((result, index) => receivers[index]?.(result));
  await reads.quoted.read(run, locked.sessions, [
    ...sends.flatMap(({ send }) => quoteIn(send.sessionId, send.replyTo)),
    ...[...reads.repeats.values()].flatMap((row) => quoteIn(row.session_id, row.reply_to)),
  ]);
  return { ...reads, sessions: locked.sessions };
}

function namingOf({ send }: QueuedSend): Naming {
  return { type: send.message.type, content: send.message.content, senderId: send.senderId };
}

function quoteIn(sessionId: string, id: number | null | undefined): { sessionId: string; id: number }[] {
  return id === null || id === undefined ? [] : [{ sessionId, id }];
}

/** Whether what it names may be missing. A repeat is answered whatever it names, so it has to be known before. */
function mayBeRefused({ send }: QueuedSend): boolean {
  const { content, type } = send.message;
  return (
    type === MESSAGE_TYPE.forwarded || send.replyTo !== undefined || filesNamedBy(type, content).length > 0
  );
}

/** The session of a send. @throws AppError when it may not be sent there */
function sessionOf({ byBackend, message, senderId, sessionId }: Send, { sessions }: Reads): LockedSession {
  const session = sessions.get(sessionId);
  if (session === undefined) throw notFound('session');
  mayWrite(session, { id: senderId, byBackend }, message.type);
  return session;
}

async function draftOf(queued: QueuedSend, reads: Reads, named: NamedFiles, run: Run, dialect: Dialect) {
  const { names } = reads;
  const { key, send } = queued;
  const { clientMsgId, message, replyTo, senderId, sessionId } = send;
  const quoted = replyTo === undefined ? undefined : reads.quoted.get(sessionId, replyTo);
  if (replyTo !== undefined && quoted === undefined) {
    const faults = new Faults();
    faults.keep(invalidField('reply_to', 'no message of the session'));
    await contentOf(queued, named, run, dialect).catch((error: unknown) => faults.keep(error));
    faults.raise();
  }
  return {
    quoted,
    senderId: senderId ?? SYSTEM_USER.id,
    senderName: senderId === null ? SYSTEM_USER.name : (names.get(senderId) ?? senderId),
    type: message.type,
    ...(await contentOf(queued, named, run, dialect)),
    client: key === null || clientMsgId === null ? null : { id: clientMsgId, key },
  };
}

/** What is stored as the content, JSON text, and the files that it names. @throws AppError `validation_failed` */
async function contentOf(queued: QueuedSend, named: NamedFiles, run: Run, dialect: Dialect) {
  const { message, senderId } = queued.send;
  if (message.type !== MESSAGE_TYPE.forwarded)
    return { content: queued.content, files: named.allowed(namingOf(queued)) };
  const content = await forwardedContent(run, dialect, message.content, senderId);
  return { content, files: await filesOfCopy(run, dialect, message.type, content) };
}
