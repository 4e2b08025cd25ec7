import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseNow } from '../../db/clock';
import { type Database } from '../../db/database';
import { later, type SqlTime } from '../../db/time';
import { describeError, log } from '../../logger';
import { type Finished, type OutboxRow } from '../../model/outbox';

/** Tries under way at once in one process. One that hangs holds up no other. */
const UNDER_WAY = 32;
/**
 * Sends go first: while many messages are stored at once, looks for rows are rarer, so that many rows share one. What is left over
 * then is sent when there is less to do.
 */
const GATHER_MS = { else: 5, busy: 100 };
/** A transaction of so many messages, not longer ago than this, tells that there is much to do. */
const BUSY = { messages: 8, ms: 300 };

/** What a try came to. */
export type Outcome =
  | { state: Exclude<Finished['state'], 'pending'>; error?: string | undefined; isTry: boolean }
  /** Not now. `until` overrules the channel's own waits; with `leastMs` they are not shorter. */
  | { state: 'pending'; error: string; until?: SqlTime | undefined; leastMs?: number | undefined }
  /** As if it had not been tried: it is due again at once. */
  | { state: 'given back' };

/** Where an outbox's rows go, and the rules of that way. */
export interface Channel<Row extends OutboxRow> {
  /** For the log. */
  readonly name: string;
  /** Claims up to `limit` rows that are due, for long enough. */
  claim(worker: string, limit: number): Promise<Row[]>;
  /** One try. What it throws counts as a failed one. */
  send(row: Row): Promise<Outcome>;
  /** Writes what a try came to. @returns what the row is now; undefined: another worker has it */
  finish(worker: string, row: Row, finished: Finished): Promise<Finished['state'] | undefined>;
  /** ms from a failed try to the next one; undefined: the row is given up. @param attempts with this one */
  retryIn(row: Row, attempts: number, failingMs: number): number | undefined;
  /** A row has reached its end, for the metrics. */
  ended(row: Row, state: Finished['state']): void;
  /** Breaks off the tries under way. */
  close(): void;
}

/**
 * Takes rows of an outbox table to where they have to go. It runs in every process: a claim keeps two workers off one row,
 * and runs out when its process dies.
 */
export class OutboxWorker<Row extends OutboxRow> {
  readonly #id = randomUUID();
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #busyUntil = 0;

  /** @param pollMs how often to look for rows that have come due */
  constructor(
    private readonly database: Database,
    private readonly channel: Channel<Row>,
    private readonly pollMs: number,
  ) {}

  /** From now on due rows are looked for; needs the schema. */
  start(): void {
    this.#timer = setInterval(() => this.poke(), this.pollMs);
    this.#timer.unref();
    this.poke();
  }

  /** So many messages were stored in one transaction just now. */
  stored(messages: number): void {
    if (messages >= BUSY.messages) this.#busyUntil = performance.now() + BUSY.ms;
  }

  /** There may be something to do now. */
  poke(): void {
    this.#again = true;
    if (this.#stopped || this.#looking !== undefined || this.#isFull) return;
    this.#looking = this.#look();
  }

  get #isFull(): boolean {
    return this.#underWay.size >= UNDER_WAY;
  }

  /**
   * Waits for the tries under way, `graceMs` at most; one that is broken off is made again.
   * @param others who need what the channel closes; they are waited for, too
   */
  async close({
    graceMs = 5_000,
    others,
  }: { graceMs?: number; others?: Promise<unknown> | undefined } = {}): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#looking;
    await Promise.race([Promise.all(this.#underWay), sleep(graceMs, undefined, { ref: false })]);
    await others;
    this.channel.close();
    await Promise.all(this.#underWay);
  }

  /** Claims rows and starts their tries, as long as there are any and not too many are under way. */
  async #look(): Promise<void> {
    try {
      while (this.#again && !this.#isFull && !this.#stopped) {
        await sleep(performance.now() < this.#busyUntil ? GATHER_MS.busy : GATHER_MS.else);
        this.#again = false;
        const free = UNDER_WAY - this.#underWay.size;
        const rows = await this.channel.claim(this.#id, free);
        for (const row of rows) this.#start(row);
        if (rows.length === free) this.#again = true;
      }
    } catch (error) {
      if (!this.database.outage.explains(error))
        log.warn(
          `${this.channel.name}: what is due could not be read, trying again: ${describeError(error)}`,
        );
    } finally {
      this.#looking = undefined;
    }
  }

  #start(row: Row): void {
    const work = this.#try(row).finally(() => {
      this.#underWay.delete(work);
      // With all places taken nobody looked for more, and what has ended may have been in another row's way.
      this.poke();
    });
    this.#underWay.add(work);
  }

  /** Never rejects. */
  async #try(row: Row): Promise<void> {
    const { channel } = this;
    let outcome: Outcome;
    try {
      outcome = await channel.send(row);
    } catch (error) {
      if (!this.database.outage.explains(error))
        log.error(`${channel.name}: ${row.id} could not be worked on: ${describeError(error)}`);
      outcome = { state: 'pending', error: 'internal' };
    }
    try {
      const finished = await this.#finished(row, outcome);
      const state = await channel.finish(this.#id, row, finished);
      if (state !== undefined && state !== 'pending') channel.ended(row, state);
    } catch (error) {
      // The claim runs out, and the row comes again.
      if (!this.database.outage.explains(error))
        log.warn(`${channel.name}: what became of ${row.id} could not be written: ${describeError(error)}`);
    }
  }

  async #finished(row: Row, outcome: Outcome): Promise<Finished> {
    if (outcome.state === 'given back') {
      const { attempts, last_error } = row;
      return { state: 'pending', attempts, last_error, due_time: await this.#now() };
    }
    if (outcome.state !== 'pending') {
      const attempts = row.attempts + (outcome.isTry ? 1 : 0);
      return { state: outcome.state, attempts, last_error: outcome.error ?? null };
    }
    const attempts = row.attempts + 1;
    const failed = { attempts, last_error: outcome.error };
    if (outcome.until !== undefined)
      return { ...failed, state: 'pending', due_time: outcome.until, retry_since: null };
    const now = await this.#now();
    const since = row.retry_since ?? now;
    const waitMs = this.channel.retryIn(row, attempts, millisecondsBetween(since, now));
    return waitMs === undefined
      ? { ...failed, state: 'failed', retry_since: since }
      : {
          ...failed,
          state: 'pending',
          due_time: later(now, Math.max(waitMs, outcome.leastMs ?? 0)),
          retry_since: since,
        };
  }

  #now(): Promise<SqlTime> {
    return databaseNow(this.database.kysely, this.database.dialect);
  }
}

function millisecondsBetween(first: SqlTime, second: SqlTime): number {
  return Date.parse(`${second.replace(' ', 'T')}Z`) - Date.parse(`${first.replace(' ', 'T')}Z`);
}
