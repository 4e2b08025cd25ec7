import { setImmediate as nextTurn } from 'node:timers/promises';
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

/**
 * Stores messages, many in one transaction: while a commit is under way sends wait, and the next transaction takes all that
 * wait. So under load one flush to the disk serves dozens of messages, and a lone sender waits for nobody.
 */
export class Writer {
  readonly #queue = new SendQueue();
  #running: Promise<void> | undefined;
  #settled: Promise<void> = Promise.resolve();

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
      this.#queue.push({ send, key, content, since: performance.now(), resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when the transaction that is under way now, if any, has ended and was announced. */
  settled(): Promise<void> {
    return this.#settled;
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
      let locked = (): void => undefined;
      const isLocked = new Promise<void>((resolve) => {
        locked = resolve;
      });
      const told = this.#storeAndTell(batch, locked, this.#settled);
      this.#settled = told;
      underWay.push(told);
      // The next transaction begins when this one has its locks: so what is sent in order is stored in order.
      if (transactionsAtOnce > 1) await Promise.race([isLocked, told]);
      if (underWay.length === transactionsAtOnce) await underWay.shift();
      // Those who got their answers may send again.
      await nextTurn();
    }
    await this.#settled;
    this.#running = undefined;
    if (this.#queue.size > 0) this.#running = this.#run();
  }

  async #storeAndTell(sends: readonly QueuedSend[], locked: () => void, last: Promise<void>): Promise<void> {
    const outcomes = await this.#store(sends, false, locked);
    await last;
    for (const outcome of outcomes) this.#tell(outcome);
  }

  /** Stores what it can, and refuses the rest. @returns what was committed, transaction by transaction */
  async #store(
    sends: readonly QueuedSend[],
    lookForRepeats = false,
    locked: () => void = () => undefined,
  ): Promise<BatchOutcome[]> {
    if (sends.length === 0) return [];
    try {
      return [await storeBatch(this.options, sends, lookForRepeats, locked)];
    } catch (error) {
      if (!lookForRepeats && this.options.database.dialect.isUniqueViolation(error))
        return await this.#store(sends, true);
      return await this.#storeParts(sends, error);
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
    for (const part of parts)
      outcomes.push(...(await this.#store(part.filter((queued) => !rejectedAsLate(queued)))));
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
