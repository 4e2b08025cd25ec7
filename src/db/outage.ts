import { describeError, log } from '../logger';
import { repeat } from '../repeat';
import { type Database } from './database';
import { checkWrite } from './write-check';

const LOOK_EVERY_MS = 1_000;
/** What began during an outage may still fail after it: a statement, or a connection, is given up after 9 s. */
const SETTLING_MS = 10_000;
/** Time for one look. */
const DOUBT_MS = 2_000;

/**
 * Says once that the database is away, and once that it is back. Requests and background workers meet an outage many times a
 * second: none of them has to say more.
 */
export class Outage {
  #endLooks: (() => void) | undefined;
  #doubt: NodeJS.Timeout | undefined;
  #isSaid = false;
  #since = 0;
  #backAt = -Infinity;

  constructor(private readonly database: Pick<Database, 'description' | 'dialect' | 'kysely' | 'ping'>) {}

  /**
   * Whether the database's being away explains this error. It is in the log then, and the caller writes no line about it. To be
   * asked wherever work with the database failed.
   */
  explains(error: unknown): boolean {
    if (!this.database.dialect.isUnavailable(error)) return false;
    if (this.#endLooks === undefined) this.#begin(error);
    return true;
  }

  close(): void {
    this.#endLooks?.();
    clearTimeout(this.#doubt);
  }

  #begin(error: unknown): void {
    this.#since = performance.now();
    this.#isSaid = false;
    if (this.#since - this.#backAt > SETTLING_MS) this.#say(error);
    // Right after an outage a look tells whether this is another one.
    else this.#doubt = setTimeout(() => this.#say(error), DOUBT_MS).unref();
    this.#endLooks = repeat(LOOK_EVERY_MS, () => this.#look());
  }

  #say(error: unknown): void {
    this.#isSaid = true;
    const reason = describeError(error).split(' at ')[0] ?? '';
    log.warn(`the database (${this.database.description}) is away: ${reason}`);
  }

  async #look(): Promise<void> {
    try {
      await this.database.ping();
      // A database that takes no writes answers, too.
      await checkWrite(this.database);
    } catch {
      // Still away.
      return;
    }
    this.close();
    this.#endLooks = undefined;
    const now = performance.now();
    this.#backAt = now;
    if (this.#isSaid) log.warn(`the database is back after ${Math.round((now - this.#since) / 1_000)} s`);
  }
}
