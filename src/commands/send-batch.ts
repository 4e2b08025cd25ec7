import { type Database } from '../db/database';
import { type RunTogether } from '../db/dialect';
import { statement } from '../db/sql-text';
import { type MessageRow } from '../db/schema';
import { AppError, invalidField, notFound } from '../errors';
import { Append, type Appended, type LockedSession, type NoticePlan } from '../model/append';
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

/** A message in its place, which waits for the commit. */
interface Pending {
  appended: Appended;
  session: LockedSession;
  waiting: Waiting;
}

/** Sends, each with its place in its session, or with its refusal. */
export interface Placed {
  readonly append: Append;
  pending: Pending[];
  repeated: MessageRow[];
  answers: (() => void)[];
  /** See `BatchOutcome`. */
  taken: number;
  refused: number;
}

/**
 * Sends in their places, as this process remembers their sessions, to be sent by `sendPlaced`: nearly always that holds,
 * and nothing has to be read.
 * @returns undefined where something has to be read first
 */
export function placeRemembered(options: BatchOptions, batch: readonly Waiting[]): Placed | undefined {
  // A forward's source is to be read; and for a repeat of it is looked at once, since its source may be gone.
  if (batch.some(isForward)) return undefined;
  const remembered = recall(options.cache, batch);
  if (remembered === undefined) return undefined;
  const placed = placeAll(options, batch, remembered);
  // Whoever is to be refused is judged by what the database says now.
  return placed.refused === 0 && !placed.append.empty && placed.append.canConfirm ? placed : undefined;
}

/**
 * Sends a transaction of what was placed from memory. Its own statements refuse what is not so (`isOutdated`), and repeats
 * (`isUniqueViolation`). From now on the sessions are remembered as it will leave them, for the next to be sent behind it.
 * @returns for `outcomeOf`
 */
export function sendPlaced(
  { cache, database }: BatchOptions,
  run: RunTogether,
  { append }: Placed,
): Promise<number[]> {
  const answer = append.send(run, {
    before: [statement(database.dialect.begin)],
    confirm: true,
    rest: [statement('commit')],
  });
  for (const session of append.remembered()) cache.sessions.set(session.row.id, session);
  return answer;
}

/** The sessions are remembered again as they were before `sendPlaced`: it failed. */
export function takeBack({ cache }: BatchOptions, { append }: Placed): void {
  for (const { previous, row } of append.sessions) {
    if (previous !== undefined) cache.sessions.set(row.id, previous);
  }
}

/**
 * Stores sends in one transaction on the connection of `run`, after it has read what they need under their sessions' locks.
 * @param lookForRepeats whether some may be
 * @throws whatever fails all of them
 */
export async function storeBatch(
  options: BatchOptions,
  run: RunTogether,
  batch: readonly Waiting[],
  lookForRepeats: boolean,
): Promise<BatchOutcome> {
  const { cache, database } = options;
  const reads = await readLocked(run, database, cache, batch, lookForRepeats || batch.some(isForward));
  const placed = placeAll(options, batch, reads, await forwardedContents(run, batch));
  const { append } = placed;
  const first = await append.send(run, { rest: [statement('commit')] });
  for (const session of append.remembered()) cache.sessions.set(session.row.id, session);
  return outcomeOf(placed, first);
}

function isForward({ send }: Waiting): boolean {
  return send.message.type === MESSAGE_TYPE.forwarded;
}

/** What forwards say, or why they may not. */
async function forwardedContents(
  run: RunTogether,
  batch: readonly Waiting[],
): Promise<Map<Waiting, string | AppError>> {
  const contents = new Map<Waiting, string | AppError>();
  for (const waiting of batch) {
    const { message, senderId } = waiting.send;
    if (message.type !== MESSAGE_TYPE.forwarded) continue;
    try {
      contents.set(waiting, await forwardedContent(run, message.content, senderId));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      contents.set(waiting, error);
    }
  }
  return contents;
}

/** Gives each send its place in its session, or its refusal. */
function placeAll(
  { database, noticePlan }: BatchOptions,
  batch: readonly Waiting[],
  reads: Reads,
  forwarded?: ReadonlyMap<Waiting, string | AppError>,
): Placed {
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
      const content = forwarded?.get(waiting) ?? JSON.stringify(send.message.content);
      if (content instanceof AppError) throw content;
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

/** What came of a transaction that is committed. @param first see `Append.send` */
export function outcomeOf(
  { answers, append, pending, repeated, taken }: Placed,
  first: readonly number[],
): BatchOutcome {
  append.stored(first);
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
