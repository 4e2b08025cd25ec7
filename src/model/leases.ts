import { type Database } from '../db/database';
import { toSqlTime } from '../db/time';

/**
 * Work that one of all processes does at a time: whoever holds the lease may. It is a row of `server_state` whose value is
 * `<time> <holder>`; nobody but the holder takes it before that time, so the lease of a process that died runs out.
 */
export class Lease {
  #value: string | undefined;

  /** @param holder names this process among all */
  constructor(
    private readonly database: Database,
    private readonly name: string,
    private readonly holder: string,
  ) {}

  /** Takes the lease for `forMs`, if nobody has it. @returns whether it is ours now */
  async take(forMs: number): Promise<boolean> {
    const { dialect, kysely } = this.database;
    const free = `${toSqlTime(0)} -`;
    const row = await kysely
      .selectFrom('server_state')
      .select('value')
      .where('name', '=', this.name)
      .executeTakeFirst();
    if (row === undefined) {
      await dialect.upsert(kysely, 'server_state', ['name'], { name: this.name, value: free }, []);
    }
    const value = row?.value ?? free;
    return value < toSqlTime(Date.now()) && (await this.#replace(value, forMs));
  }

  /** From now on the lease holds for `forMs` more. @returns false when it had run out and another process has it */
  async hold(forMs: number): Promise<boolean> {
    return this.#value !== undefined && (await this.#replace(this.#value, forMs));
  }

  async #replace(value: string, forMs: number): Promise<boolean> {
    const next = `${toSqlTime(Date.now() + forMs)} ${this.holder}`;
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
