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

/** A statement in the making, for those that have hundreds of values. */
export class SqlText {
  readonly #parameters: Parameter[] = [];
  #rows = 0;
  /** A row's text, and the expressions in it, by which other rows are known to have the same. */
  #rowText = '';
  #rowExpressions: readonly (string | undefined)[] = [];

  constructor(private sql: string) {}

  /** SQL as it is: never what a client has sent. */
  add(sql: string): this {
    this.sql += sql;
    return this;
  }

  value(value: SqlValue): this {
    this.sql += textOf(value);
    this.#push(value);
    return this;
  }

  /** `(…, …)`, after a comma where it is not the first one. */
  row(values: readonly SqlValue[]): this {
    const { length } = values;
    let same = this.#rows > 0 && length === this.#rowExpressions.length;
    for (let index = 0; index < length; index += 1) {
      const value = values[index] ?? null;
      same &&= expressionOf(value) === this.#rowExpressions[index];
      this.#push(value);
    }
    if (!same) {
      this.#rowExpressions = values.map(expressionOf);
      this.#rowText = `(${values.map(textOf).join(', ')})`;
    }
    this.sql += this.#rows === 0 ? this.#rowText : `, ${this.#rowText}`;
    this.#rows += 1;
    return this;
  }

  #push(value: SqlValue): void {
    if (value instanceof SqlExpression) this.#parameters.push(...value.parameters);
    else this.#parameters.push(value);
  }

  get statement(): Statement {
    return statement(this.sql, this.#parameters);
  }
}

function expressionOf(value: SqlValue): string | undefined {
  return value instanceof SqlExpression ? value.sql : undefined;
}

function textOf(value: SqlValue): string {
  return value instanceof SqlExpression ? value.sql : '?';
}
