import { unavailable } from '../errors';
import { describeError, log } from '../logger';
import { clientKey, SYSTEM_USER } from '../model/identifiers';
import { MESSAGE_TYPE } from '../model/message-content';
import { type BatchOptions, type BatchOutcome, type Basis, storeBatch, type Waiting } from './send-batch';
import { type CommitOutcome, type Send, type Sent } from './sending';

export interface WriterOptions extends BatchOptions {
  /** Called once a commit, before any of its sends is answered; must not throw. */
  onCommitted(outcome: CommitOutcome): void;
  /** Messages that one transaction takes at most. */
  maxBatch?: number;
}

interface Queued extends Waiting {
  /** ms since the epoch */
  since: number;
}

/** SQLite takes 500 rows at most in a table of values. */
const MAX_BATCH = 200;
/** Whoever waited longer has been answered with `unavailable`. */
const MAX_WAIT_MS = 9_000;

/** A transaction that has ended: what came of it, to be told. */
interface Ended {
  outcomes: BatchOutcome[];
  /** Resolves whoever waits for `settled`. */
  told: () => void;
}

/**
 * Stores messages, many in one transaction: while a commit is under way sends wait, and the next transaction takes all
 * that wait. So under load one flush to the disk serves dozens of messages, and a lone sender waits for nobody. The next
 * transaction is on its way before the last one's sends are answered: the database works while this process does.
 */
export class Writer {
  #waiting: Queued[] = [];
  #running: Promise<void> | undefined;
  #settled: Promise<void> = Promise.resolve();

  constructor(private readonly options: WriterOptions) {}

  /**
   * Stores one message. Sends of one caller are stored in the order of the calls.
   * @returns after the commit
   * @throws AppError `not_found`, `forbidden`, `validation_failed` for this send alone; `unavailable` when the database is away
   */
  submit(send: Send): Promise<Sent> {
    const { clientMsgId, senderId, sessionId } = send;
    const key = clientMsgId === null ? null : clientKey(sessionId, senderId ?? SYSTEM_USER.id, clientMsgId);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ send, key, since: Date.now(), resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when the transaction that is under way now, if any, has ended and `onCommitted` knows of it. */
  settled(): Promise<void> {
    return this.#settled;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    // Lets in what has arrived at the process already: a lone send on SQLite commits without leaving the event loop to others.
    await nextTurn();
    let last: Ended | undefined;
    while (this.#waiting.length > 0) {
      const ended = this.#transaction();
      if (last !== undefined) {
        // By then the database has what it needs for this one.
        await nextTurn();
        this.#tell(last);
      }
      last = await ended;
    }
    if (last !== undefined) this.#tell(last);
    this.#running = undefined;
  }

  /** Runs one transaction with all that wait. */
  async #transaction(): Promise<Ended> {
    let told: () => void = () => undefined;
    this.#settled = new Promise((resolve) => {
      told = resolve;
    });
    const inTime = this.#waiting
      .splice(0, this.options.maxBatch ?? MAX_BATCH)
      .filter((each) => !rejectedAsLate(each));
    const outcomes = await this.#commit(inTime);
    return { outcomes, told };
  }

  /** @param stuck sessions whose lock was waited for in vain: nobody waits for them again */
  async #commit(batch: readonly Queued[], stuck = new Set<string>()): Promise<BatchOutcome[]> {
    if (batch.length === 0) return [];
    try {
      await this.#learnTypes(batch);
      const outcome = await this.#store(batch);
      this.#waiting.unshift(...batch.slice(outcome.taken));
      return [outcome];
    } catch (error) {
      const { dialect } = this.options.database;
      const isLocked = dialect.isLockTimeout(error);
      const [first] = batch;
      if (first !== undefined && batch.length === 1) {
        if (isLocked) stuck.add(first.send.sessionId);
        first.reject(error);
        return [];
      }
      // A lock that is not given concerns its session alone.
      if (dialect.isUnavailable(error) && !isLocked) {
        for (const each of batch) each.reject(error);
        return [];
      }
      // One of them breaks the transaction: each goes alone, so that its neighbours don't fail with it.
      log.error(
        `a transaction of ${batch.length} messages failed, trying each alone: ${describeError(error)}`,
      );
      const outcomes: BatchOutcome[] = [];
      for (const each of batch) {
        if (stuck.has(each.send.sessionId)) each.reject(unavailable('The session is locked.'));
        else if (!rejectedAsLate(each)) outcomes.push(...(await this.#commit([each], stuck)));
      }
      return outcomes;
    }
  }

  /** What is committed is stored, whatever becomes of the telling: it must not be tried again. */
  #tell({ outcomes, told }: Ended): void {
    for (const outcome of outcomes) {
      try {
        this.options.onCommitted(outcome);
      } catch (error) {
        log.error(`what was stored could not be delivered: ${describeError(error)}`);
      }
      for (const answer of outcome.answers) answer();
    }
    told();
  }

  /**
   * Nearly always what is remembered of the sessions holds, and no send is a repeat, so nothing is read at first: the
   * transaction's own statements refuse what is not so, and then it is made again with the reading or the look that it
   * takes. Forwards are looked for at once, since a repeat's source may be gone.
   */
  async #store(batch: readonly Waiting[]): Promise<BatchOutcome> {
    const { cache, database } = this.options;
    const forwards = batch.some(({ send }) => send.message.type === MESSAGE_TYPE.forwarded);
    for (let basis: Basis = forwards ? 'looking' : 'memory'; ;) {
      try {
        return await database.connection((run) => storeBatch(this.options, run, batch, basis), {
          brief: batch.length === 1,
        });
      } catch (error) {
        if (basis === 'memory' && database.dialect.isOutdated(error)) basis = 'reading';
        else if (basis !== 'looking' && database.dialect.isUniqueViolation(error)) basis = 'looking';
        else {
          for (const { send } of batch) cache.sessions.delete(send.sessionId);
          throw error;
        }
      }
    }
  }

  /** The table of a session's messages must be known before its row is locked, to look for repeats in the same round trip. */
  async #learnTypes(batch: readonly Waiting[]): Promise<void> {
    const { cache, database } = this.options;
    const ids = new Set<string>();
    for (const { send } of batch) if (!cache.types.has(send.sessionId)) ids.add(send.sessionId);
    if (ids.size === 0) return;
    const rows = await database.kysely
      .selectFrom('sessions')
      .select(['id', 'type'])
      .where('id', 'in', [...ids])
      .execute();
    for (const row of rows) cache.types.set(row.id, row.type);
  }
}

/** Whether a send has waited too long, and was told so. */
function rejectedAsLate(send: Queued): boolean {
  const isLate = Date.now() - send.since > MAX_WAIT_MS;
  if (isLate) send.reject(unavailable('The database does not answer.'));
  return isLate;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
