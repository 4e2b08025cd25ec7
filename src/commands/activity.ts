import { type Database } from '../db/database';
import { type Statement, statement } from '../db/sql-text';
import { type SqlTime, toSqlTime } from '../db/time';
import { describeError, log } from '../logger';

const FLUSH_MS = 5_000;
const ROWS_A_STATEMENT = 200;

/** When users were last active: kept here and written in batches, never once a message. */
export class Activity {
  #pending = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #flushing: Promise<void> = Promise.resolve();

  constructor(private readonly database: Database) {
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.#timer.unref();
  }

  /** @param now ms since the epoch */
  touch(userId: string, now = Date.now()): void {
    this.#pending.set(userId, now);
  }

  /** What is not written yet, ms since the epoch. */
  pending(userId: string): number | undefined {
    return this.#pending.get(userId);
  }

  /** Writes what is pending. A failure keeps it for the next time. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    // In the order of the ids, so that two processes lock the rows in the same order.
    const entries = [...this.#pending].sort(([first], [second]) => (first < second ? -1 : 1));
    for (let start = 0; start < entries.length; start += ROWS_A_STATEMENT) {
      const part = entries.slice(start, start + ROWS_A_STATEMENT);
      const statements = part.map(([user, at]) => {
        const time = toSqlTime(at);
        return statement(
          'update user_states set last_active_time = ? where user_id = ? and (last_active_time is null or last_active_time < ?)',
          [time, user, time],
        );
      });
      try {
        // One flush to the disk for all of them.
        await this.database.connection(async (run) => {
          const [, ...updated] = await run([statement(this.database.dialect.begin), ...statements]);
          const missed = part.filter((_entry, index) => updated[index]?.affectedRows === 0);
          await run([...missed.map(([user, at]) => firstActivity(user, toSqlTime(at))), statement('commit')]);
        });
        for (const [user, at] of part) if (this.#pending.get(user) === at) this.#pending.delete(user);
      } catch (error) {
        log.warn(`the users' activity could not be written, trying again later: ${describeError(error)}`);
        return;
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}

/** For a user of the platform's own tables who never logged in here, as whom the backend sends: there is no row yet. */
function firstActivity(user: string, time: SqlTime): Statement {
  return statement(
    `insert into user_states (user_id, type, last_active_time)
    select participant_id, type, ? from memberships
    where participant_id = ? and not exists (select 1 from user_states where user_id = ?) limit 1`,
    [time, user, user],
  );
}
