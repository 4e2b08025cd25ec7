import { sql } from 'kysely';
import { type Database, type Queryable } from '../../db/database';

/** Why views can't be made, in a sentence for the operator. Nothing was changed. */
export class ViewsError extends Error {
  override readonly name = 'ViewsError';
}

const SCHEMA = /^[A-Za-z0-9_$-]{1,64}$/;
const LOCK_WAIT_SECONDS = 30;

/** @throws ViewsError where there are no schemas, or none of that name */
export function checkSchemaName({ dialect }: Database, schema: string): void {
  if (!dialect.hasSchemas) {
    throw new ViewsError(
      'The views need another schema beside ours on MySQL or MariaDB: IM_DATABASE_URL names an embedded SQLite database.',
    );
  }
  if (!SCHEMA.test(schema)) {
    throw new ViewsError('A schema name has 1 to 64 of the characters A-Z, a-z, 0-9, _, $ and -.');
  }
}

/**
 * Runs `work` on one connection, while nobody else runs work of that name.
 * @throws ViewsError when somebody else does
 */
export function oneAtATime<T>(
  database: Database,
  name: string,
  work: (db: Queryable) => Promise<T>,
): Promise<T> {
  const lock = sql`concat(left(database(), 40), ${`.${name}`})`;
  return database.kysely.connection().execute(async (db) => {
    // RENAME TABLE waits for transactions on the tables; by default that may take a year.
    await sql`set session lock_wait_timeout = ${sql.lit(LOCK_WAIT_SECONDS)}`.execute(db);
    const { rows } = await sql<{ got: number | null }>`select
      get_lock(${lock}, ${LOCK_WAIT_SECONDS}) as got`.execute(db);
    if (rows[0]?.got !== 1) throw new ViewsError('The views are being made by somebody else right now.');
    try {
      return await work(db);
    } finally {
      await sql`do release_lock(${lock})`.execute(db);
    }
  });
}

/** Whether a schema is there, and whether it is the server's own, whose name comes with it. */
export async function lookFor(
  db: Queryable,
  schema: string,
): Promise<{ own: string; isOwn: boolean; isThere: boolean }> {
  const { rows } = await sql<{ own: string; found: number }>`select database() as own,
    (select count(*) from information_schema.schemata where schema_name = ${schema}) as found`.execute(db);
  const { found, own } = rows[0] ?? { found: 0, own: '' };
  return { own, isOwn: own.toLowerCase() === schema.toLowerCase(), isThere: found > 0 };
}
