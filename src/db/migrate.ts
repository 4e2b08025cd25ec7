import { type Kysely, Migrator } from 'kysely';
import { type Database } from './database';
import { type Dialect } from './dialect';
import { initial } from './migrations/0001-initial';

/** A step of the schema's history. It may be cut off anywhere and run again: MySQL commits each DDL statement by itself. */
export interface SchemaStep {
  up(db: Kysely<unknown>, dialect: Dialect): Promise<void>;
}

/** In order, never changed once released; a name that has run is remembered in the table `kysely_migration`. */
export const SCHEMA_STEPS: Readonly<Record<string, SchemaStep>> = {
  '0001-initial': initial,
};

/**
 * Brings the schema up to date. Safe to call from several processes at once: one works under the database's lock
 * (GET_LOCK on MySQL, the write lock on SQLite), the others wait and find it done.
 * @returns the names of the steps that ran
 */
export async function migrate(database: Database): Promise<string[]> {
  const { dialect } = database;
  const migrator = new Migrator({
    db: database.kysely,
    provider: {
      getMigrations: () =>
        Promise.resolve(
          Object.fromEntries(
            Object.entries(SCHEMA_STEPS).map(([name, step]) => [
              name,
              { up: (db: Kysely<unknown>) => step.up(db, dialect) },
            ]),
          ),
        ),
    },
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error as Error;
  return (results ?? []).map((result) => result.migrationName);
}
