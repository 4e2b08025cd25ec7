import { raw } from 'mysql2';
import { NewId, type Run, type Statement, type StatementResult } from '../statement';
import { type LentConnection } from './mysql-connections';

/**
 * Characters that one text may have. A server takes 16 MiB at least in a packet; a character is four bytes at most, and
 * escaping doubles it at most.
 */
const TEXT_LENGTH = 2 * 1024 * 1024;

/**
 * Sends statements as one text, so that all of them cost one round trip; as several texts where one would be too large.
 * The ids that an INSERT makes are kept in a variable of the connection, for the statements behind it.
 */
export function runAsText(connection: LentConnection): Run {
  return async (statements) => {
    const results: StatementResult[] = [];
    for (const part of parts(statements)) results.push(...(await runText(connection, part)));
    return results;
  };
}

function* parts(statements: readonly Statement[]): Iterable<readonly Statement[]> {
  let part: Statement[] = [];
  let length = 0;
  for (const each of statements) {
    const own = lengthOf(each);
    if (part.length > 0 && length + own > TEXT_LENGTH) {
      yield part;
      part = [];
      length = 0;
    }
    part.push(each);
    length += own;
  }
  if (part.length > 0) yield part;
}

function lengthOf({ sql, values }: Statement): number {
  let length = sql.length;
  for (const value of values) if (typeof value === 'string') length += value.length;
  return length;
}

async function runText(
  connection: LentConnection,
  statements: readonly Statement[],
): Promise<StatementResult[]> {
  const texts: string[] = [];
  const values: unknown[] = [];
  // Where each statement's own result stands among the results of all texts.
  const places = statements.map((each) => {
    const place = texts.push(each.sql) - 1;
    for (const value of each.values) values.push(value instanceof NewId ? raw(expressionOf(value)) : value);
    if (each.makes !== undefined) texts.push(`set ${variableOf(each.makes.table)} = last_insert_id()`);
    return place;
  });
  const answer = await connection.ask(texts.join(';\n'), values);
  const answers = texts.length === 1 ? [answer] : (answer as unknown[]);
  return places.map((place) => {
    const result = answers[place];
    if (Array.isArray(result)) return { rows: result as Record<string, unknown>[], firstId: 0 };
    return { rows: [], firstId: (result as { insertId: number }).insertId };
  });
}

function expressionOf({ offset, table }: NewId): string {
  return `${variableOf(table)} + ${offset}`;
}

function variableOf(table: string): string {
  return `@first_${table}`;
}
