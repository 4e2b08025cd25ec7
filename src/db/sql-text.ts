/** A statement with its parameters, as `RunTogether` takes it: no more than a text and its values. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /** How many rows it has to find: with another number it fails (`Dialect.isOutdated`). Left out: any number will do. */
  readonly changes?: number;
}

export function statement(sql: string, parameters: readonly unknown[] = []): Statement {
  return { sql, parameters };
}

/** SQL that stands in the place of a value, with its own parameters. */
export class SqlExpression {
  constructor(
    readonly sql: string,
    readonly parameters: readonly number[] = [],
  ) {}
}

/** On SQLite, the last id that an earlier statement of those run together has made, and what is to be added to it. */
export class IdOf {
  constructor(
    readonly statement: number,
    readonly add: number,
  ) {}
}

export type SqlValue = string | number | null | SqlExpression | IdOf;

type Parameter = string | number | null | IdOf;

/** A statement in the making. */
export class SqlText {
  readonly #parameters: Parameter[] = [];

  constructor(private sql: string) {}

  /** SQL as it is: never what a client has sent. */
  add(sql: string): this {
    this.sql += sql;
    return this;
  }

  value(value: SqlValue): this {
    this.sql += textOf(value);
    pushParameters(this.#parameters, value);
    return this;
  }

  get statement(): Statement {
    return statement(this.sql, this.#parameters);
  }
}

/** Of more rows the text is made each time. */
const ROWS_REMEMBERED = 256;

/**
 * A statement of any number of rows, `(…, …), (…, …)` between what comes before and after. The texts are remembered: they are
 * long, and making one, and finding what was prepared for it by it, costs as much as all the rest of a commit does here.
 */
export class RowsText {
  /** By the text of a row, and then by the number of rows. */
  readonly #texts = new Map<string, string[]>();

  constructor(
    private readonly before: string,
    private readonly after = '',
  ) {}

  /**
   * @param rows one at least
   * @param last the values of the marks in what comes after the rows
   */
  statement(rows: readonly (readonly SqlValue[])[], last: readonly Parameter[] = []): Statement {
    const parameters: Parameter[] = [];
    const expressions = (rows[0] ?? []).map(expressionOf);
    let same = true;
    for (const row of rows) {
      for (let index = 0; index < row.length; index += 1) {
        const value = row[index] ?? null;
        same &&= expressionOf(value) === expressions[index];
        pushParameters(parameters, value);
      }
    }
    const text = same
      ? this.#text(rowText(rows[0] ?? []), rows.length)
      : this.#make(rows.map((row) => rowText(row)));
    parameters.push(...last);
    return statement(text, parameters);
  }

  #text(row: string, count: number): string {
    const make = () => this.#make(Array.from({ length: count }, () => row));
    if (count > ROWS_REMEMBERED) return make();
    let known = this.#texts.get(row);
    if (known === undefined) this.#texts.set(row, (known = []));
    return (known[count] ??= make());
  }

  #make(rows: readonly string[]): string {
    return `${this.before}${rows.join(', ')}${this.after}`;
  }
}

function rowText(values: readonly SqlValue[]): string {
  return `(${values.map(textOf).join(', ')})`;
}

function pushParameters(parameters: Parameter[], value: SqlValue): void {
  if (value instanceof SqlExpression) parameters.push(...value.parameters);
  else parameters.push(value);
}

function expressionOf(value: SqlValue): string | undefined {
  return value instanceof SqlExpression ? value.sql : undefined;
}

function textOf(value: SqlValue): string {
  return value instanceof SqlExpression ? value.sql : '?';
}
