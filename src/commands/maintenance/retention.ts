import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Transaction } from 'kysely';
import { type Database } from '../../db/database';
import { type MessageTableName, type Schema } from '../../db/schema';
import { databaseNow } from '../../db/clock';
import { later } from '../../db/time';
import { describeError, log } from '../../logger';
import { Lease } from '../../db/lease';
import { runIn } from '../../db/statement';
import { filesOfDeleted } from '../../model/files';
import { MESSAGE_TABLES, messageTable } from '../../model/message-tables';
import { deleteRecalls } from '../../model/recalls';
import {
  endedCallsBefore,
  endedEventsBefore,
  expiredTokens,
  messagesBefore,
  sessionsSince,
  sessionsWithMessagesBefore,
  settledNoticesBefore,
} from '../../model/retention';

const DAY_MS = 24 * 60 * 60_000;
const NOTICE_DAYS = 7;
/** Webhook events that ended are kept so long. */
const EVENT_DAYS = { sent: 7, failed: 30 } as const;
/** How often all of it is done, by whichever process comes first, and how often each looks whether it is time. */
const INTERVAL_MS = 6 * 60 * 60_000;
const LOOK_MS = 10 * 60_000;
const FIRST_LOOK_MS = 2 * 60_000;
/** Longer than any one step: a process that died leaves the work to another after this. */
const LEASE_MS = 60_000;
/** Rows that one transaction deletes: it is over in some ten milliseconds, and a send never waits longer for it. */
const BATCH = 200;
const SESSIONS_AT_ONCE = 200;
/** After each step the database gets this many times the time that the step took. */
const REST = 4;

export interface RetentionOptions {
  database: Database;
  /** Older messages and calls are deleted; undefined: all are kept. */
  retentionDays: number | undefined;
  /** About when `start` looks for the first time. */
  firstLookMs?: number;
}

/** How many rows a run deleted. */
export interface Removed {
  messages: number;
  calls: number;
  notices: number;
  events: number;
  tokens: number;
}

/**
 * Deletes what is no longer needed: messages and calls after `retentionDays`, notices that were settled a week ago, webhook events
 * that were sent a week ago or failed 30 days ago, revoked tokens that
 * have expired. Sessions and topics stay, with what they say of their last message. It runs in every process, and a lease
 * in the database lets one work at a time.
 */
export class Retention {
  readonly #lease: Lease;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<Removed | undefined> | undefined;

  constructor(private readonly options: RetentionOptions) {
    this.#lease = new Lease(options.database, 'retention', randomUUID());
  }

  /** Looks from time to time whether there is work. Processes that start together look at different times. */
  start(): void {
    this.#lookIn(this.options.firstLookMs ?? FIRST_LOOK_MS);
  }

  #lookIn(ms: number): void {
    if (this.#closing.signal.aborted) return;
    this.#timer = setTimeout(
      () => {
        this.runOnce()
          .catch((error: unknown) => {
            if (!this.options.database.outage.explains(error))
              log.warn(`retention could not work, trying again later: ${describeError(error)}`);
          })
          .finally(() => this.#lookIn(LOOK_MS));
      },
      ms * (0.5 + Math.random()),
    );
    this.#timer.unref();
  }

  /**
   * Deletes all that is old now; undefined when another process is at it, or was within the last 6 hours.
   * @throws the database's error; what was deleted so far stays deleted
   */
  runOnce(): Promise<Removed | undefined> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Waits for the step under way, and leaves the rest to the other processes. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<Removed | undefined> {
    if (!(await this.#lease.take(LEASE_MS))) return undefined;
    const removed: Removed = { messages: 0, calls: 0, notices: 0, events: 0, tokens: 0 };
    try {
      await this.#removeAll(removed);
      await this.#lease.hold(INTERVAL_MS);
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      await this.#lease.hold(0);
    }
    const { calls, events, messages, notices, tokens } = removed;
    if (messages + calls + notices + events + tokens > 0) {
      log.info(
        `retention deleted ${messages} messages, ${calls} calls, ${notices} notices, ${events} events and ${tokens} revoked tokens`,
      );
    }
    return removed;
  }

  /** @param removed counts what is deleted, also when the work ends early */
  async #removeAll(removed: Removed): Promise<void> {
    const { dialect, kysely: db } = this.options.database;
    const now = await databaseNow(db, dialect);
    const weekAgo = later(now, -NOTICE_DAYS * DAY_MS);
    await this.#remove('revoked_tokens', removed, 'tokens', () => expiredTokens(db, now, BATCH));
    await this.#remove('notices', removed, 'notices', () => settledNoticesBefore(db, weekAgo, BATCH));
    for (const state of ['sent', 'failed'] as const) {
      const before = later(now, -EVENT_DAYS[state] * DAY_MS);
      await this.#remove('webhook_events', removed, 'events', () =>
        endedEventsBefore(db, state, before, BATCH),
      );
    }
    if (this.options.retentionDays === undefined) return;

    const before = later(now, -this.options.retentionDays * DAY_MS);
    await this.#remove('calls', removed, 'calls', () => endedCallsBefore(db, before, BATCH));
    for (let after = ''; ;) {
      const sessions = await this.#step(() => sessionsSince(db, before, after, SESSIONS_AT_ONCE));
      for (const table of MESSAGE_TABLES) {
        const ids = sessions.filter(({ type }) => messageTable(type) === table).map(({ id }) => id);
        if (ids.length === 0) continue;
        const found = await this.#step(() => sessionsWithMessagesBefore(db, table, ids, before));
        for (const id of found) {
          await this.#remove(
            table,
            removed,
            'messages',
            () => messagesBefore(db, table, id, before, BATCH),
            async (trx, ids) => {
              await filesOfDeleted(runIn(trx, dialect), dialect, id, ids);
              await deleteRecalls(trx, id, ids);
            },
          );
        }
      }
      const last = sessions.at(-1);
      if (last === undefined) return;
      after = last.id;
    }
  }

  /**
   * Deletes the rows that `find` finds, `BATCH` at most, again and again until it finds fewer.
   * @param beside deletes what belongs to them, in the same transaction: after them, since whatever is added to a row that is still
   * there, such as a recall, has its lock
   */
  async #remove<Id extends number | string>(
    table: MessageTableName | 'calls' | 'notices' | 'webhook_events' | 'revoked_tokens',
    removed: Removed,
    kind: keyof Removed,
    find: () => Promise<Id[]>,
    beside: (trx: Transaction<Schema>, ids: Id[]) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const { database } = this.options;
    const removeSome = async (): Promise<number> => {
      const ids = await find();
      if (ids.length > 0) {
        await database.transaction(async (trx) => {
          await trx
            .deleteFrom(table)
            .where('id', 'in', ids as never[])
            .execute();
          await beside(trx, ids);
        });
        removed[kind] += ids.length;
      }
      return ids.length;
    };
    while ((await this.#step(removeSome)) === BATCH);
  }

  /** One bounded piece of work and a rest after it. @throws Stopped when it is time to end, or the lease is lost */
  async #step<T>(work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    const result = await work();
    if (!(await this.#lease.hold(LEASE_MS))) throw new Stopped();
    const rest = (performance.now() - begin) * REST;
    await sleep(rest, undefined, { ref: false, signal: this.#closing.signal }).catch(() => {
      throw new Stopped();
    });
    return result;
  }
}

/** The work ends early: the server stops, or another process does it. */
class Stopped extends Error {}
