import { sql } from 'kysely';
import { type Database } from './database';

/**
 * A dump is loaded table by table, so one that was cut off looks like a database that is whole. While it is loaded this table is
 * there, and no server starts.
 */
const MARK = 'restore_under_way';

/** A database that was restored in part. */
export class UnfinishedRestore extends Error {
  override readonly name = 'UnfinishedRestore';

  constructor() {
    super(
      'a backup is being restored into this database, or that was cut off: drop it then, and restore anew',
    );
  }
}

export async function markRestore({ kysely }: Database): Promise<void> {
  await sql`create table ${sql.table(MARK)} (begun datetime not null)`.execute(kysely);
}

export async function endRestore({ kysely }: Database): Promise<void> {
  await sql`drop table ${sql.table(MARK)}`.execute(kysely);
}

/** @throws UnfinishedRestore */
export async function checkRestored({ dialect, kysely }: Database): Promise<void> {
  // A SQLite file is copied whole.
  if (!dialect.hasSchemas) return;
  const { rows } = await sql`select 1 from information_schema.tables
    where table_schema = database() and table_name = ${MARK}`.execute(kysely);
  if (rows.length > 0) throw new UnfinishedRestore();
}
