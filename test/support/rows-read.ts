import { sql } from 'kysely';
import { type Database } from '../../src/db/database';

/** Rows that the one connection has walked along so far; looking up the first one is not counted, which the optimizer does for itself, too. */
async function rowsSoFar({ kysely }: Database): Promise<number> {
  const { rows } = await sql<{
    Value: string;
  }>`show session status where variable_name like 'Handler_read%' and variable_name <> 'Handler_read_key'`.execute(
    kysely,
  );
  return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
}

/**
 * What `work` gives, and how many rows MySQL or MariaDB read for it. FLUSH STATUS would be shorter, but on MySQL it begins anew for
 * everybody.
 * @param database with two connections, one of them the writer's: what is counted is counted for the other one
 */
export async function rowsRead<T>(
  database: Database,
  work: () => Promise<T>,
): Promise<{ result: T; rows: number }> {
  const [first, second] = [await rowsSoFar(database), await rowsSoFar(database)];
  const result = await work();
  // Asking for the figures counts rows, too.
  return { result, rows: (await rowsSoFar(database)) - second - (second - first) };
}
