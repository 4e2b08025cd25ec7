import { databaseNow } from './clock';
import { type Database } from './database';
import { later, type SqlTime } from './time';

/** Before any time. */
const FREE = '1970-01-01 00:00:00.000 -';

/**
 * Work that one of all processes does at a time: whoever holds the lease may. It is a row of `server_state` whose value is
 * `<time> <holder>`; nobody but the holder takes it before that time, so the lease of a process that died runs out. The
 * database's clock judges.
 */
export class Lease {
  #value: string | undefined;
  /** What the last `take` found in the row; it changes when another process takes or renews the lease. */
  found: string | undefined;

  /** @param holder names this process among all */
  constructor(
    private readonly database: Database,
    private readonly name: string,
    private readonly holder: string,
  ) {}

  /** Takes the lease for `forMs`, if nobody has it. @returns whether it is ours now */
  async take(forMs: number): Promise<boolean> {
    const { dialect, kysely } = this.database;
    const row = await kysely
      .selectFrom('server_state')
      .select('value')
      .where('name', '=', this.name)
      .executeTakeFirst();
    if (row === undefined)
      await dialect.upsert(kysely, 'server_state', ['name'], { name: this.name, value: FREE }, []);
    const value = row?.value ?? FREE;
    this.found = value;
    const now = await databaseNow(kysely, dialect);
    return value < now && (await this.#replace(value, now, forMs));
  }

  /** From now on the lease holds for `forMs` more. @returns false when it had run out and another process has it */
  async hold(forMs: number): Promise<boolean> {
    const { dialect, kysely } = this.database;
    if (this.#value === undefined) return false;
    return this.#replace(this.#value, await databaseNow(kysely, dialect), forMs);
  }

  async #replace(value: string, now: SqlTime, forMs: number): Promise<boolean> {
    const next = `${later(now, forMs)} ${this.holder}`;
    const result = await this.database.kysely
      .updateTable('server_state')
      .set({ value: next })
      .where('name', '=', this.name)
      .where('value', '=', value)
      .executeTakeFirst();
    this.#value = result.numUpdatedRows > 0n ? next : undefined;
    return this.#value !== undefined;
  }
}
