import { sql } from 'kysely';
import { type Database } from './database';

/** Writes a row that nobody reads. @throws the database's error where it takes no writes */
export async function checkWrite({ dialect, kysely }: Pick<Database, 'dialect' | 'kysely'>): Promise<void> {
  const row = { name: 'write-check', value: sql.raw(dialect.now) };
  await dialect.upsert(kysely, 'server_state', ['name'], row);
}
