import { sql } from 'kysely';
import { type Queryable } from './database';
import { type Dialect } from './dialect';
import { type SqlTime } from './time';

/**
 * The database's clock. It judges all that several processes must agree on (leases, due times, calls): their own clocks may
 * differ.
 */
export async function databaseNow(db: Queryable, dialect: Dialect): Promise<SqlTime> {
  const { rows } = await sql<{ now: SqlTime }>`select ${sql.raw(dialect.now)} as now`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('a database without a clock');
  return row.now;
}
