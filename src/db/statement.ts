import { CompiledQuery, type Transaction } from 'kysely';
import { type Dialect } from './dialect';
import { type Schema } from './schema';

/** Stands in a statement for an id that an INSERT into `table` made earlier in the same run: its first row's id plus `offset`. */
export class NewId {
  constructor(
    readonly table: string,
    readonly offset: number,
  ) {}
}

export type SqlValue = string | number | null | NewId;

/** A statement written by hand, with a `?` for each of its values. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  /** Set for an INSERT whose new ids later statements name: the table, and how many rows it gets. */
  readonly makes?: { readonly table: string; readonly rows: number };
}

export interface StatementResult {
  rows: Record<string, unknown>[];
  /** The id of the first row that an INSERT made; 0 for other statements. */
  firstId: number;
}

/** Runs statements in their order, inside one transaction. */
export type Run = (statements: readonly Statement[]) => Promise<StatementResult[]>;

export function statement(sql: string, values: readonly SqlValue[] = []): Statement {
  return { sql, values };
}

/** `?, ?, ?` for `count` values. */
export function placeholders(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ');
}

/**
 * `insert into <into> values (?, ?), (?, ?)<behind>`.
 * @param into the table and its columns
 * @param rows one row at least, all of one length
 */
export function insertRows(into: string, rows: readonly (readonly SqlValue[])[], behind = ''): Statement {
  const row = `(${placeholders(rows[0]?.length ?? 0)})`;
  // `flat` takes ten times as long as this, on the way of every message.
  const values: SqlValue[] = [];
  for (const each of rows) for (const value of each) values.push(value);
  return statement(`insert into ${into} values ${row}${`, ${row}`.repeat(rows.length - 1)}${behind}`, values);
}

/** Runs the statements inside a transaction of Kysely's, one after the other. */
export function runIn(trx: Transaction<Schema>, dialect: Dialect): Run {
  return (statements) =>
    runInTurn(statements, async ({ makes, sql, values }) => {
      const { insertId = 0n, rows } = await trx.executeQuery(CompiledQuery.raw(sql, values as unknown[]));
      const firstId = dialect.firstId(Number(insertId), makes?.rows ?? 1);
      return { rows: rows as Record<string, unknown>[], firstId };
    });
}

/** Runs statements one after the other, with the ids that earlier ones made in the place of each `NewId`. */
export async function runInTurn(
  statements: readonly Statement[],
  runOne: (statement: Statement) => StatementResult | Promise<StatementResult>,
): Promise<StatementResult[]> {
  const results: StatementResult[] = [];
  const firstIds = new Map<string, number>();
  for (const each of statements) {
    const values = each.values.map((value) => (value instanceof NewId ? idOf(value, firstIds) : value));
    const result = await runOne({ ...each, values });
    if (each.makes !== undefined) firstIds.set(each.makes.table, result.firstId);
    results.push(result);
  }
  return results;
}

function idOf({ offset, table }: NewId, firstIds: ReadonlyMap<string, number>): number {
  const first = firstIds.get(table);
  if (first === undefined) throw new RangeError(`no row of ${table} was inserted before its id is named`);
  return first + offset;
}
