import { type Database, type Queryable } from '../../db/database';
import { messageTable } from '../../model/message-tables';
import { findWithQuoted } from '../../model/messages';
import { findRecalls } from '../../model/recalls';
import { findSession } from '../../model/sessions';
import { type RecallRow } from '../../db/schema';
import { type BusEvent } from '../../push/bus/bus';
import { type Connection } from '../../push/sockets/connection';
import { type Sockets } from '../../push/sockets/sockets';
import { TextFrame } from '../../push/sockets/text-frame';
import { type FileView } from '../../views/file';
import { frame, messageFrame } from '../../views/frames';
import { messageJson, recallView } from '../../views/message';
import { type StreamItem, Streams } from './streams';

/** The socket that asked for a recall: it gets `recall_ok` in the recall's place. */
export interface RecallAsker {
  readonly connection: Connection;
  /** Whether it still waits for its answer. */
  isWaiting(): boolean;
  /** @param message what is left of the message, JSON text */
  answer(message: string): void;
}

/** What is told of a recall. */
export type RecallEvent = Omit<Extract<BusEvent, { kind: 'recall' }>, 'kind'>;

/** A recall on its way to its session's listeners. */
type StreamedRecall = StreamItem & RecallEvent & { asker: RecallAsker | undefined };

export interface RecallsOptions {
  database: Pick<Database, 'kysely' | 'outage'>;
  fileLinks: FileView;
  sockets: Sockets;
  /** The streams of messages. */
  messages: {
    position(sessionId: string): number | undefined;
    catchUp(sessionId: string, newestId: number): void;
  };
  /** The ids of the sessions' latest recalls. */
  positions(sessionIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  lost(sessionId: string): void;
}

/** As many as one look for missed ones fetches; a socket that missed more comes again and syncs. */
const MAX_MISSED = 1_000;

/**
 * Tells sockets of recalls: in the order of their ids, each once, and behind every message that was committed before. So a
 * message that a recall overtook is pushed first, and nothing that quotes it comes after.
 */
export class Recalls {
  readonly #streams: Streams<StreamedRecall>;
  /** Those whose turn it is, but for messages that have yet to come, by session. */
  readonly #held = new Map<string, StreamedRecall[]>();
  /** Recalls that this process is storing, by session. */
  readonly #storing = new Map<string, Set<Promise<unknown>>>();

  constructor(private readonly options: RecallsOptions) {
    const { database, fileLinks } = options;
    this.#streams = new Streams<StreamedRecall>({
      emit: (recall) => this.#hold(recall),
      stale: ({ asker, message }) => asker?.answer(message),
      positions: (sessionIds) => options.positions(sessionIds),
      fetch: (sessionId, after, before) =>
        missedRecalls(database.kysely, fileLinks, sessionId, after, before),
      settled: async (sessionId) => {
        await Promise.allSettled([...(this.#storing.get(sessionId) ?? [])]);
      },
      lost: (sessionId) => options.lost(sessionId),
      isTold: (error) => database.outage.explains(error),
    });
  }

  open(sessionIds: readonly string[]): Promise<void> {
    return this.#streams.open(sessionIds);
  }

  close(sessionId: string): void {
    this.#streams.close(sessionId);
    this.#held.delete(sessionId);
  }

  /** The latest recall that the session's sockets were told of. */
  position(sessionId: string): number {
    const [first] = this.#held.get(sessionId) ?? [];
    return first === undefined ? (this.#streams.position(sessionId) ?? 0) : first.id - 1;
  }

  /** Stores a recall and tells of it: whoever fetches what is missing meanwhile waits for that. */
  async store<T>(sessionId: string, work: () => Promise<T>): Promise<T> {
    const storing = this.#storing.get(sessionId) ?? new Set();
    this.#storing.set(sessionId, storing);
    const working = work();
    storing.add(working);
    try {
      return await working;
    } finally {
      storing.delete(working);
      if (storing.size === 0) this.#storing.delete(sessionId);
    }
  }

  /** One that was committed, here or by another process. */
  push(recall: Omit<StreamedRecall, 'previousId'>): void {
    this.#streams.push({ ...recall, previousId: recall.id - 1 });
  }

  /** There is this recall in the session, whether or not it was told of. */
  catchUp(sessionId: string, newestId: number): void {
    this.#streams.catchUp(sessionId, newestId);
  }

  /** What is to be pushed of a message that is known to be taken back, in the place of `message`. */
  pushed(sessionId: string, messageId: number, message: string): string {
    const recall = this.#held.get(sessionId)?.find((each) => each.messageId === messageId);
    return recall?.message ?? message;
  }

  /** Messages went through the session's stream: recalls may have waited for them. */
  messagesPassed(sessionId: string): void {
    const held = this.#held.get(sessionId);
    if (held === undefined) return;
    for (let first = held[0]; first !== undefined && this.#mayTell(first); first = held[0]) {
      held.shift();
      this.#tell(first);
    }
    if (held.length === 0) this.#held.delete(sessionId);
  }

  #mayTell({ lastMessageId, sessionId }: StreamedRecall): boolean {
    return (this.options.messages.position(sessionId) ?? Infinity) >= lastMessageId;
  }

  #hold(recall: StreamedRecall): void {
    const { lastMessageId, sessionId } = recall;
    const held = this.#held.get(sessionId);
    if (held === undefined && this.#mayTell(recall)) {
      this.#tell(recall);
      return;
    }
    if (held === undefined) this.#held.set(sessionId, [recall]);
    else held.push(recall);
    this.options.messages.catchUp(sessionId, lastMessageId);
  }

  #tell({ asker, frame: told, id, message, messageId, sessionId }: StreamedRecall): void {
    const listeners = this.options.sockets.ofSession(sessionId);
    if (listeners.size > 0) {
      const bytes = new TextFrame(told);
      const left = new TextFrame(messageFrame(message));
      for (const connection of listeners) {
        const isAsker = connection === asker?.connection && asker.isWaiting();
        connection.pushRecall(sessionId, { id, messageId, left }, isAsker ? undefined : bytes);
      }
    }
    asker?.answer(message);
  }
}

/** The `recall` frame. */
export function recallFrame(row: RecallRow): string {
  return frame('recall', { session_id: row.session_id, ...recallView(row) });
}

/**
 * The session's recalls between two ids, oldest first, both ends left out.
 * @throws RangeError when there are too many to tell of them all
 */
async function missedRecalls(
  db: Queryable,
  files: FileView,
  sessionId: string,
  after: number,
  before: number,
): Promise<StreamedRecall[]> {
  const { more, rows } = await findRecalls(db, sessionId, { after, limit: MAX_MISSED });
  if (more) throw new RangeError('too many recalls to tell of them all');
  // Read after them: it is not below what was the newest message when they were stored.
  const session = await findSession(db, sessionId);
  if (session === undefined) return [];
  const table = messageTable(session.type);
  const missed: StreamedRecall[] = [];
  for (const row of rows) {
    if (row.id >= before) break;
    const found = await findWithQuoted(db, table, sessionId, row.message_id);
    if (found === undefined) continue;
    missed.push({
      sessionId,
      id: row.id,
      previousId: row.id - 1,
      messageId: row.message_id,
      lastMessageId: session.last_message_id,
      message: messageJson(found.row, files, found.quoted),
      frame: recallFrame(row),
      asker: undefined,
    });
  }
  return missed;
}
