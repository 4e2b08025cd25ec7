import { setImmediate as nextTurn } from 'node:timers/promises';
import { withRetries } from '../../db/retries';
import { describeError, log } from '../../logger';
import { clientKey, SYSTEM_USER } from '../../model/values/identifiers';
import { contentText } from '../../model/values/message-content';
import { type BatchOptions, type BatchOutcome, storeBatch } from './batch';
import { type Send, type Sent } from './send';
import { type QueuedSend, rejectedAsLate, SendQueue } from './send-queue';

export interface WriterOptions extends BatchOptions {
  /** Tells whom it concerns what was stored. Called once a commit, before its sends are answered. */
  announce(outcome: BatchOutcome): void;
}

/** What one transaction takes at most, in sends and in characters of their contents. */
const BATCH = { sends: 200, length: 1024 * 1024 };

/** The batch before failed, so this one was not committed: it would have come first. */
class Overtaken extends Error {}

/** A batch under way. */
interface UnderWay {
  /** Resolves when its first try has ended: whether it was committed. */
  committed: Promise<boolean>;
  /** Resolves when all is over: stored or refused, and told. */
  told: Promise<void>;
}

/**
 * Stores messages, many in one transaction: while a commit is under way sends wait, and the next transaction takes all that
 * wait. So under load one flush to the disk serves dozens of messages, and a lone sender waits for nobody.
 *
 * Where the database takes two transactions at once, the next one locks and writes while the last one is committed. It is
 * committed only after that one; where that one fails, both are stored once more, one after the other.
 */
export class Writer {
  readonly #queue = new SendQueue();
  #running: Promise<void> | undefined;
  #last: UnderWay = { committed: Promise.resolve(true), told: Promise.resolve() };

  constructor(private readonly options: WriterOptions) {}

  /**
   * Stores one message. Sends of one caller are stored in the order of the calls.
   * @returns after the commit
   * @throws AppError `not_found`, `forbidden`, `validation_failed` for this send alone; `unavailable`, or the database's
   * error, when the database is away: then it may still be stored
   */
  submit(send: Send): Promise<Sent> {
    const { clientMsgId, senderId, sessionId } = send;
    const key = clientMsgId === null ? null : clientKey(sessionId, senderId ?? SYSTEM_USER.id, clientMsgId);
    return new Promise((resolve, reject) => {
      const content = contentText(send.message, send.source);
      // It holds the whole request, and the send may wait for long.
      send.source = undefined;
      this.#queue.push({ send, key, content, since: performance.now(), resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Before a send of this length is read. @throws AppError `unavailable` when it could only be refused */
  checkRoom(length: number): void {
    this.#queue.checkRoom(length);
  }

  /** Resolves when the transactions that are under way now have ended and were told. */
  settled(): Promise<void> {
    return this.#last.told;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { transactionsAtOnce } = this.options.database;
    const underWay: Promise<void>[] = [];
    // Lets in what has arrived at the process already.
    await nextTurn();
    while (this.#queue.size > 0) {
      const batch = this.#queue.take(BATCH.sends, BATCH.length);
      const written = new Promise<void>((resolve) => {
        this.#last = this.#begin(batch, this.#last, resolve);
      });
      underWay.push(this.#last.told);
      if (transactionsAtOnce > 1) await Promise.race([written, this.#last.told]);
      if (underWay.length === transactionsAtOnce) await underWay.shift();
      // Those who got their answers may send again.
      await nextTurn();
    }
    await this.#last.told;
    this.#running = this.#queue.size > 0 ? this.#run() : undefined;
  }

  #begin(sends: readonly QueuedSend[], before: UnderWay, written: () => void): UnderWay {
    const mayCommit = async () => {
      if (!(await before.committed)) throw new Overtaken();
    };
    const firstTry =
      sends.length === 0 ? undefined : storeBatch(this.options, sends, false, { written, mayCommit });
    const finish = async () => {
      let outcomes: BatchOutcome[];
      try {
        const outcome = await firstTry;
        await before.told;
        outcomes = outcome === undefined ? [] : [outcome];
      } catch (error) {
        await before.told;
        outcomes = await this.#storeAfter(sends, error);
      }
      for (const outcome of outcomes) this.#tell(outcome);
    };
    const committed = Promise.resolve(firstTry).then(
      () => true,
      () => false,
    );
    return { committed, told: finish() };
  }

  /** The first try failed with `error`. */
  async #storeAfter(sends: readonly QueuedSend[], error: unknown): Promise<BatchOutcome[]> {
    const { dialect } = this.options.database;
    return error instanceof Overtaken || dialect.isUniqueViolation(error) || dialect.isRetryable(error)
      ? await this.#storeAgain(sends)
      : await this.#storeParts(sends, error);
  }

  /** Stores what it can, and refuses the rest. @returns what was committed, transaction by transaction */
  async #storeAgain(sends: readonly QueuedSend[]): Promise<BatchOutcome[]> {
    const timely = sends.filter((queued) => !rejectedAsLate(queued));
    if (timely.length === 0) return [];
    try {
      const { dialect } = this.options.database;
      return [await withRetries(dialect, () => storeBatch(this.options, timely, true))];
    } catch (error) {
      return await this.#storeParts(timely, error);
    }
  }

  /** Something failed a whole transaction: its parts are tried again, each in a transaction of its own. */
  async #storeParts(sends: readonly QueuedSend[], error: unknown): Promise<BatchOutcome[]> {
    const parts = partsOf(sends, error, this.options.database.dialect);
    if (parts.length <= 1) {
      for (const queued of sends) queued.reject(error);
      return [];
    }
    log.error(`a transaction of ${sends.length} messages failed, trying its parts: ${describeError(error)}`);
    const outcomes: BatchOutcome[] = [];
    for (const part of parts) outcomes.push(...(await this.#storeAgain(part)));
    return outcomes;
  }

  /** What is committed is stored, whatever becomes of the telling: it must not be tried again. */
  #tell(outcome: BatchOutcome): void {
    try {
      this.options.announce(outcome);
    } catch (error) {
      log.error(`what was stored could not be announced: ${describeError(error)}`);
    }
    for (const answer of outcome.answers) answer();
  }
}

/**
 * What may succeed where all together failed: a lock that is not given concerns its session alone, and of any other failure one
 * send may be the reason. None, where the database is away.
 */
function partsOf(
  sends: readonly QueuedSend[],
  error: unknown,
  dialect: BatchOptions['database']['dialect'],
): QueuedSend[][] {
  if (dialect.isLockTimeout(error)) {
    const sessions = new Set(sends.map(({ send }) => send.sessionId));
    return Array.from(sessions, (id) => sends.filter(({ send }) => send.sessionId === id));
  }
  return dialect.isUnavailable(error) ? [] : sends.map((send) => [send]);
}
