import { describeError, log } from '../logger';
import { type Database } from './database';

const LOOK_EVERY_MS = 1_000;

/** Says once that the database is away, however many requests meet that, and once that it is back. */
export class Outage {
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly database: Pick<Database, 'description' | 'ping'>) {}

  /** Somebody could not be served, for the database is away. */
  noticed(error: unknown): void {
    if (this.#timer !== undefined) return;
    const since = performance.now();
    const reason = describeError(error).split(' at ')[0] ?? '';
    log.warn(`the database (${this.database.description}) is away: ${reason}`);
    this.#timer = setInterval(() => void this.#look(since), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(since: number): Promise<void> {
    try {
      await this.database.ping();
    } catch {
      // Still away: that was said.
      return;
    }
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    log.warn(`the database is back after ${Math.round((performance.now() - since) / 1_000)} s`);
  }
}
