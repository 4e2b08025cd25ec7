import { type Database } from '../db/database';
import { type RunTogether } from '../db/dialect';
import { statement } from '../db/sql-text';
import { type MessageRow } from '../db/schema';
import { AppError, invalidField, notFound } from '../errors';
import {
  Append,
  type Appended,
  type LockedSession,
  type NoticePlan,
  type StoreOptions,
} from '../model/append';
import { SYSTEM_USER } from '../model/identifiers';
import { MESSAGE_TYPE } from '../model/message-content';
import { SESSION_TYPE } from '../model/message-tables';
import { messageJson } from '../views/message';
import { forwardedContent } from './forward';
import { type SendCache } from './send-cache';
import { type KeyedSend, readLocked, type Reads, recall } from './send-reads';
import { type CommitOutcome, type Committed, type Send, type Sent } from './sending';

/** A send that waits for its answer. */
export interface Waiting extends KeyedSend {
  resolve(sent: Sent): void;
  reject(error: unknown): void;
}

/**
 * What a transaction relies on: what this process remembers of the sessions, which the transaction's own statements
 * confirm; or what it reads under their locks; or that and a look for repeats.
 */
export type Basis = 'memory' | 'reading' | 'looking';

export interface BatchOutcome extends CommitOutcome {
  /** To be called when the commit is known: answers each send. */
  answers: (() => void)[];
  /** How many of the sends are in it: what one transaction can't take is left for the next. */
  taken: number;
}

export interface BatchOptions {
  database: Database;
  cache: SendCache;
  noticePlan: NoticePlan;
}

/** Stores sends in one transaction on the connection of `run`. @throws whatever fails all of them */
export async function storeBatch(
  options: BatchOptions,
  run: RunTogether,
  batch: readonly Waiting[],
  basis: Basis,
): Promise<BatchOutcome> {
  const { cache, database } = options;
  const remembered = basis === 'memory' ? recall(cache, batch) : undefined;
  if (remembered !== undefined) {
    const placed = await placeAll(options, run, batch, remembered);
    // Whoever is to be refused is judged by what the database says now.
    if (placed.refused === 0 && !placed.append.empty && placed.append.canConfirm) {
      return commit(cache, run, placed, { before: [statement(database.dialect.begin)], confirm: true });
    }
  }
  const reads = await readLocked(run, database, cache, batch, basis === 'looking');
  return commit(cache, run, await placeAll(options, run, batch, reads));
}

/** A message in its place, which waits for the commit. */
interface Pending {
  appended: Appended;
  session: LockedSession;
  waiting: Waiting;
}

interface Placed {
  append: Append;
  pending: Pending[];
  repeated: MessageRow[];
  answers: (() => void)[];
  taken: number;
  refused: number;
}

/** Gives each send its place in its session, or its refusal. */
async function placeAll(
  { database, noticePlan }: BatchOptions,
  run: RunTogether,
  batch: readonly Waiting[],
  reads: Reads,
): Promise<Placed> {
  const append = new Append(database.dialect, noticePlan);
  const placed: Placed = { append, pending: [], repeated: [], answers: [], taken: 0, refused: 0 };
  const { answers, pending, repeated } = placed;
  for (const waiting of batch) {
    if (append.full) break;
    placed.taken += 1;
    const { key, send } = waiting;
    try {
      const session = sessionOf(send, reads);
      const repeat = key === null ? undefined : reads.repeats.get(key);
      if (repeat !== undefined) {
        repeated.push(repeat);
        answers.push(() => waiting.resolve({ row: repeat, json: messageJson(repeat), created: false }));
        continue;
      }
      const content =
        send.message.type === MESSAGE_TYPE.forwarded
          ? await forwardedContent(run, send.message.content, send.senderId)
          : JSON.stringify(send.message.content);
      const appended = place(append, session, waiting, content, reads.names);
      if (key !== null) reads.repeats.set(key, appended.row);
      pending.push({ appended, session, waiting });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      placed.refused += 1;
      answers.push(() => waiting.reject(error));
    }
  }
  return placed;
}

async function commit(
  cache: SendCache,
  run: RunTogether,
  { append, answers, pending, repeated, taken }: Placed,
  options: StoreOptions = {},
): Promise<BatchOutcome> {
  await append.store(run, { ...options, rest: [statement('commit')] });
  for (const session of append.remembered()) cache.sessions.set(session.row.id, session);
  const committed = pending.map(({ appended: { previousId, row }, session, waiting }): Committed => {
    const json = messageJson(row);
    answers.push(() => waiting.resolve({ row, json, created: true }));
    return {
      row,
      previousId,
      json,
      sessionType: session.row.type,
      members: session.members,
      membersVersion: session.row.members_version,
      origin: waiting.send.origin,
    };
  });
  return {
    answers,
    taken,
    committed,
    repeated,
    repliedTopics: [...append.repliedTopics],
    notices: append.notices,
  };
}

/** The session of a send. @throws AppError when it may not be sent there */
function sessionOf(send: Send, { sessions }: Reads): LockedSession {
  const { byBackend, message, senderId } = send;
  const session = sessions.get(send.sessionId);
  if (session === undefined) throw notFound('session');
  if (senderId !== null && !session.members.has(senderId)) {
    if (!byBackend) throw notFound('session');
    throw invalidField('sender_id', 'no participant of the session');
  }
  const inSystemSession = session.row.type === SESSION_TYPE.system;
  if (senderId === null && message.type !== MESSAGE_TYPE.system && !inSystemSession) {
    throw invalidField('sender_id', 'required');
  }
  if (!byBackend && (inSystemSession || message.type === MESSAGE_TYPE.system)) {
    throw new AppError('forbidden', 'System messages come from the platform alone.');
  }
  return session;
}

function place(
  append: Append,
  session: LockedSession,
  { key, send: { clientMsgId, message, senderId } }: KeyedSend,
  content: string,
  names: ReadonlyMap<string, string>,
): Appended {
  return append.add(session, {
    senderId: senderId ?? SYSTEM_USER.id,
    senderName: senderId === null ? SYSTEM_USER.name : (names.get(senderId) ?? senderId),
    type: message.type,
    content,
    client: key === null || clientMsgId === null ? null : { id: clientMsgId, key },
  });
}
