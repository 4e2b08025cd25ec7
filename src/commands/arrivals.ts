import { type Database } from '../db/database';
import { statement } from '../db/sql-text';
import { describeError, log } from '../logger';
import { type Metrics } from '../metrics';
import { settleStatement } from '../model/notices';

interface Arrival {
  sessionId: string;
  userId: string;
  messageId: number;
}

const LONGEST_GATHER_MS = 200;
const FAILED_WAIT_MS = 500;
const ROWS_A_TRANSACTION = 200;

/**
 * Messages that arrived at patients, so that WeChat need not be used. Acknowledgements come one a message: they are
 * gathered for a moment, much shorter than the time that a patient has, and the highest one a patient and session is
 * written, all in one transaction.
 */
export class Arrivals {
  #pending = new Map<string, Arrival>();
  #running: Promise<void> | undefined;
  #closing = false;
  #hurry: () => void = () => undefined;
  /** How long an acknowledgement may wait before it is written. */
  readonly gatherMs: number;

  /** @param ackTimeoutMs how long a patient has to acknowledge */
  constructor(
    private readonly database: Database,
    ackTimeoutMs: number,
    private readonly metrics: Metrics,
  ) {
    this.gatherMs = Math.min(LONGEST_GATHER_MS, ackTimeoutMs / 10);
  }

  /** Everything in the session up to `messageId` has arrived at the patient. */
  arrived(sessionId: string, userId: string, messageId: number): void {
    this.#add({ sessionId, userId, messageId });
    this.#running ??= this.#run();
  }

  /** Writes at once what has arrived. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#hurry();
    await this.#running;
  }

  #add(arrival: Arrival): void {
    const key = `${arrival.sessionId} ${arrival.userId}`;
    const known = this.#pending.get(key);
    if (known === undefined || arrival.messageId > known.messageId) this.#pending.set(key, arrival);
  }

  async #run(): Promise<void> {
    let waitMs = this.gatherMs;
    while (this.#pending.size > 0) {
      await this.#wait(waitMs);
      const batch = [...this.#pending.values()].slice(0, ROWS_A_TRANSACTION);
      for (const { sessionId, userId } of batch) this.#pending.delete(`${sessionId} ${userId}`);
      try {
        await this.#write(batch);
        waitMs = this.gatherMs;
      } catch (error) {
        log.warn(`acknowledgements could not be written: ${describeError(error)}`);
        if (this.#closing) break;
        for (const arrival of batch) this.#add(arrival);
        waitMs = FAILED_WAIT_MS;
      }
    }
    this.#running = undefined;
  }

  /** In the order of users, so that two processes lock the rows in the same order. */
  async #write(batch: readonly Arrival[]): Promise<void> {
    const ordered = [...batch].sort((first, second) => (first.userId < second.userId ? -1 : 1));
    const results = await this.database.connection((run) =>
      run([
        statement(this.database.dialect.begin),
        ...ordered.map(({ sessionId, userId, messageId }) => settleStatement(sessionId, userId, messageId)),
        statement('commit'),
      ]),
    );
    const delivered = results.slice(1, -1).reduce((sum, { affectedRows }) => sum + affectedRows, 0);
    if (delivered > 0) this.metrics.notices.inc({ state: 'delivered' }, delivered);
  }

  #wait(ms: number): Promise<void> {
    if (this.#closing) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
