import { type RunTogether } from '../db/dialect';
import { unavailable } from '../errors';
import { describeError, log } from '../logger';
import { clientKey, SYSTEM_USER } from '../model/identifiers';
import {
  type BatchOptions,
  type BatchOutcome,
  outcomeOf,
  type Placed,
  placeRemembered,
  sendPlaced,
  storeBatch,
  takeBack,
  type Waiting,
} from './send-batch';
import { type Queued, rejectedAsLate, SendQueue } from './send-queue';
import { type CommitOutcome, type Send, type Sent } from './sending';

export interface WriterOptions extends BatchOptions {
  /** Called once a commit, before any of its sends is answered; must not throw. */
  onCommitted(outcome: CommitOutcome): void;
  /** Messages that one transaction takes at most. */
  maxBatch?: number;
}

/** SQLite takes 500 rows at most in a table of values. */
const MAX_BATCH = 200;
/**
 * How many sends have to wait for a transaction of theirs to be sent behind the one that is under way, as a share of those in
 * that one: many small transactions cost the database more than few large ones.
 */
const SHARE = 0.75;

/** A transaction that has ended: what came of it, to be told. */
interface Ended {
  outcomes: BatchOutcome[];
  /** Resolves whoever waits for `settled`. */
  told: () => void;
}

/** What a transaction takes. */
interface Batch {
  sends: readonly Queued[];
  told: () => void;
}

/** A transaction that was sent to the database from memory. */
interface Underway extends Batch {
  placed: Placed;
  /** See `sendPlaced`; it never rejects. */
  answer: Promise<{ first: number[] } | { error: unknown }>;
}

/** Not to be tried again as it is, whatever the database said. */
class NotCommitted extends Error {}

/**
 * Stores messages, many in one transaction: while a commit is under way sends wait, and the next transaction takes all
 * that wait. So under load one flush to the disk serves dozens of messages, and a lone sender waits for nobody. The next
 * transaction is on its way before the last one's sends are answered: the database works while this process does. Where
 * enough wait before that, it is on its way before the last one has ended: two at most are, the second of which falls with the
 * first.
 */
export class Writer {
  readonly #waiting = new SendQueue();
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
      this.#waiting.push({ send, key, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when the transactions that are under way now, if any, have ended and `onCommitted` knows of them. */
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
      const ended = this.#run(this.#batch(this.#waiting.take(this.#maxBatch)));
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

  get #maxBatch(): number {
    return this.options.maxBatch ?? MAX_BATCH;
  }

  /** A transaction of these, which were taken from those that wait. */
  #batch(sends: readonly Queued[]): Batch {
    let told: () => void = () => undefined;
    this.#settled = new Promise((resolve) => {
      told = resolve;
    });
    return { sends, told };
  }

  /** Stores sends, and others behind them. @returns what came of the last transaction; of the others it is told */
  async #run({ sends, told }: Batch): Promise<Ended> {
    if (sends.length === 0) return { outcomes: [], told };
    try {
      const placed = placeRemembered(this.options, sends);
      if (placed !== undefined) {
        this.#waiting.putBack(sends.slice(placed.taken));
        return await this.#runTrain({ sends: sends.slice(0, placed.taken), told }, placed);
      }
    } catch (error) {
      return { outcomes: await this.#afterFailure(sends, error), told };
    }
    return { outcomes: await this.#commit(sends), told };
  }

  async #runTrain(batch: Batch, placed: Placed): Promise<Ended> {
    // Those whose end is not known.
    const train: Underway[] = [];
    const { database } = this.options;
    try {
      return await database.connection(
        async (run) => {
          let current = this.#send(run, batch, placed);
          train.push(current);
          for (let length = 1; ; length += 1) {
            const next =
              length < database.dialect.mostBehind ? await this.#sendBehind(run, current) : undefined;
            if (next !== undefined) train.push(next);
            const answer = await current.answer;
            if ('error' in answer) {
              await next?.answer;
              throw new NotCommitted('a transaction failed', { cause: answer.error });
            }
            train.shift();
            const ended = { outcomes: [outcomeOf(current.placed, answer.first)], told: current.told };
            if (next === undefined) return ended;
            this.#tell(ended);
            current = next;
          }
        },
        { brief: batch.sends.length === 1 },
      );
    } catch (error) {
      const [failed = { ...batch, placed }, behind] = train;
      return await this.#afterTrain(failed, behind, error instanceof NotCommitted ? error.cause : error);
    }
  }

  #send(run: RunTogether, batch: Batch, placed: Placed): Underway {
    const answer = sendPlaced(this.options, run, placed).then(
      (first) => ({ first }),
      (error: unknown) => ({ error }),
    );
    return { ...batch, placed, answer };
  }

  /**
   * Sends what waits in a transaction behind `current`, as soon as enough of it waits.
   * @returns undefined when `current` ended before: then all that waits goes together
   */
  #sendBehind({ behind }: RunTogether, current: Underway): Promise<Underway | undefined> {
    if (behind === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const enough = Math.ceil(current.sends.length * SHARE);
      const forget = this.#waiting.whenEnough(enough, () => {
        const batch = this.#takeRemembered();
        if (batch !== undefined) resolve(this.#send(behind, batch, batch.placed));
      });
      void current.answer.then(() => {
        forget();
        resolve(undefined);
      });
    });
  }

  /** @returns undefined where something has to be read, or told, first */
  #takeRemembered(): (Batch & { placed: Placed }) | undefined {
    const sends = this.#waiting.peek(this.#maxBatch);
    if (sends === undefined) return undefined;
    try {
      const placed = placeRemembered(this.options, sends);
      if (placed === undefined) return undefined;
      this.#waiting.remove(placed.taken);
      return { ...this.#batch(sends.slice(0, placed.taken)), placed };
    } catch {
      // It fails again, and is looked into, when these sends are next.
      return undefined;
    }
  }

  /** Stores what a transaction from memory could not. What was sent behind it has failed with it, and is the next again. */
  async #afterTrain(
    failed: Batch & { placed: Placed },
    behind: Underway | undefined,
    error: unknown,
  ): Promise<Ended> {
    const { dialect } = this.options.database;
    if (behind !== undefined) {
      takeBack(this.options, behind.placed);
      const answer = await behind.answer;
      const why = 'error' in answer ? answer.error : unavailable('The database does not answer.');
      // Of what was lost on the way nobody knows whether it is stored.
      if (dialect.isOutdated(why)) this.#waiting.putBack(behind.sends);
      else for (const each of behind.sends) each.reject(why);
    }
    takeBack(this.options, failed.placed);
    const told = () => {
      failed.told();
      behind?.told();
    };
    const isRepeat = dialect.isUniqueViolation(error);
    const outcomes =
      isRepeat || dialect.isOutdated(error) || dialect.isRetryable(error)
        ? await this.#commit(failed.sends, { lookForRepeats: isRepeat })
        : await this.#afterFailure(failed.sends, error);
    return { outcomes, told };
  }

  /** Stores sends by reading what they need first. @param options `stuck`: see `#afterFailure` */
  async #commit(
    sends: readonly Queued[],
    { lookForRepeats = false, stuck = new Set<string>() } = {},
  ): Promise<BatchOutcome[]> {
    if (sends.length === 0) return [];
    const { database } = this.options;
    try {
      await this.#learnTypes(sends);
      const outcome = await database.connection(
        (run) => storeBatch(this.options, run, sends, lookForRepeats),
        { brief: sends.length === 1 },
      );
      this.#waiting.putBack(sends.slice(outcome.taken));
      return [outcome];
    } catch (error) {
      if (!lookForRepeats && database.dialect.isUniqueViolation(error))
        return await this.#commit(sends, { lookForRepeats: true, stuck });
      return await this.#afterFailure(sends, error, stuck);
    }
  }

  /** @param stuck sessions whose lock was waited for in vain: nobody waits for them again */
  async #afterFailure(
    sends: readonly Queued[],
    error: unknown,
    stuck = new Set<string>(),
  ): Promise<BatchOutcome[]> {
    const { cache, database } = this.options;
    for (const { send } of sends) cache.sessions.delete(send.sessionId);
    const isLocked = database.dialect.isLockTimeout(error);
    const [first] = sends;
    if (first !== undefined && sends.length === 1) {
      if (isLocked) stuck.add(first.send.sessionId);
      first.reject(error);
      return [];
    }
    // A lock that is not given concerns its session alone.
    if (database.dialect.isUnavailable(error) && !isLocked) {
      for (const each of sends) each.reject(error);
      return [];
    }
    // One of them breaks the transaction: each goes alone, so that its neighbours don't fail with it.
    log.error(`a transaction of ${sends.length} messages failed, trying each alone: ${describeError(error)}`);
    const outcomes: BatchOutcome[] = [];
    for (const each of sends) {
      if (stuck.has(each.send.sessionId)) each.reject(unavailable('The session is locked.'));
      else if (!rejectedAsLate(each)) outcomes.push(...(await this.#commit([each], { stuck })));
    }
    return outcomes;
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

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
