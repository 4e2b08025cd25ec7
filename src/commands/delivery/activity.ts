import { CompiledQuery } from 'kysely';
import { type Database } from '../../db/database';
import { insertRows } from '../../db/statement';
import { toSqlTime } from '../../db/time';
import { describeError, log } from '../../logger';
import { type Member } from '../../model/participants';
import { repeat } from '../../repeat';

const FLUSH_MS = 5_000;
const ROWS_A_STATEMENT = 500;

interface Active extends Member {
  /** ms since the epoch */
  at: number;
}

/** When users were last active: kept here and written in batches, never once a message. */
export class Activity {
  readonly #pending = new Map<string, Active>();
  readonly #end: () => void;
  #flushing: Promise<void> = Promise.resolve();

  constructor(private readonly database: Database) {
    this.#end = repeat(FLUSH_MS, () => this.flush());
  }

  /** @param now ms since the epoch */
  touch({ id, type }: Member, now = Date.now()): void {
    this.#pending.set(id, { id, type, at: now });
  }

  /** What is not written yet, ms since the epoch. */
  pending(userId: string): number | undefined {
    return this.#pending.get(userId)?.at;
  }

  /** Writes what is pending. A failure keeps it for the next time. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    // In the order of the ids, so that two processes lock the rows in the same order.
    const pending = [...this.#pending.values()].sort((first, second) => (first.id < second.id ? -1 : 1));
    for (let start = 0; start < pending.length; start += ROWS_A_STATEMENT) {
      const part = pending.slice(start, start + ROWS_A_STATEMENT);
      try {
        await this.database.transaction((trx) => trx.executeQuery(this.#update(part)));
      } catch (error) {
        if (!this.database.outage.explains(error))
          log.warn(`the users' activity could not be written, trying again later: ${describeError(error)}`);
        return;
      }
      for (const active of part) if (this.#pending.get(active.id) === active) this.#pending.delete(active.id);
    }
  }

  /** A user of the platform's own tables who never logged in here has no row yet. */
  #update(active: readonly Active[]): CompiledQuery {
    const rows = active.map(({ at, id, type }) => [id, type, toSqlTime(at)]);
    const set = `last_active_time = case
      when user_states.last_active_time is null or user_states.last_active_time < new(last_active_time)
      then new(last_active_time) else user_states.last_active_time end`;
    const behind = this.database.dialect.onExisting(['user_id'], set);
    const { sql, values } = insertRows('user_states (user_id, type, last_active_time)', rows, behind);
    return CompiledQuery.raw(sql, [...values]);
  }

  async close(): Promise<void> {
    this.#end();
    await this.flush();
  }
}
