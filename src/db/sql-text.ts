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

/** SQL that stands in the place of a value. */
export class SqlExpression {
  constructor(readonly sql: string) {}
}

/** On SQLite, the last id that an earlier statement of those run together has made, and what is to be added to it. */
export class IdOf {
  constructor(
    readonly statement: number,
    readonly add: number,
  ) {}
}

export type SqlValue = string | number | null | SqlExpression | IdOf;

/**
 * A statement in the making, for those that have hundreds of values. What a value becomes is the database's own: a literal
 * for MySQL, where statements that go together are one text anyway; a parameter for SQLite, which prepares each text once.
 */
export abstract class SqlText {
  #rows = 0;

  constructor(protected sql: string) {}

  /** SQL as it is: never what a client has sent. */
  add(sql: string): this {
    this.sql += sql;
    return this;
  }

  abstract value(value: SqlValue): this;

  /** `(…, …)`, after a comma where it is not the first one. */
  row(values: readonly SqlValue[]): this {
    this.sql += this.#rows === 0 ? '(' : ', (';
    this.#rows += 1;
    for (let index = 0; index < values.length; index += 1) {
      if (index > 0) this.sql += ', ';
      this.value(values[index] ?? null);
    }
    this.sql += ')';
    return this;
  }

  abstract get statement(): Statement;
}

export class TextWithLiterals extends SqlText {
  /** @param quote makes a literal of a string */
  constructor(
    sql: string,
    private readonly quote: (text: string) => string,
  ) {
    super(sql);
  }

  value(value: SqlValue): this {
    if (typeof value === 'string') this.sql += this.quote(value);
    else if (typeof value === 'number') this.sql += String(value);
    else if (value instanceof IdOf) throw new TypeError('here an id is known by a variable');
    else this.sql += value === null ? 'null' : value.sql;
    return this;
  }

  get statement(): Statement {
    return statement(this.sql);
  }
}

export class TextWithParameters extends SqlText {
  readonly #parameters: (string | number | null | IdOf)[] = [];

  value(value: SqlValue): this {
    if (value instanceof SqlExpression) {
      this.sql += value.sql;
    } else {
      this.sql += '?';
      this.#parameters.push(value);
    }
    return this;
  }

  get statement(): Statement {
    return statement(this.sql, this.#parameters);
  }
}
