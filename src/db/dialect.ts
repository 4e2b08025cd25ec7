import { type ColumnDataType, type Kysely, type RawBuilder } from 'kysely';
import { type Schema } from './schema';

/** What the databases differ in. Nothing outside of `db/` asks which one it is. */
export interface Dialect {
  readonly types: ColumnTypes;
  /** Appended to CREATE TABLE. */
  readonly tableOptions: RawBuilder<unknown>;
  /** Ends a SELECT that locks its rows until the transaction's end. SQLite's write transactions exclude each other. */
  readonly forUpdate: string;
  /** Ends a SELECT whose rows nobody else may change until the transaction's end, while others may read them so, too. */
  readonly forShare: string;
  /** The database's clock as a text that `SqlTime` describes: UTC, milliseconds. An SQL expression. */
  readonly now: string;
  /** The distance between the ids of one INSERT's rows, an SQL expression: more than 1 in a Galera or group-replication cluster. */
  readonly idStep: string;
  /** An SQL expression: the milliseconds from one time to a later one, a whole number. */
  millisecondsBetween(from: string, to: string): string;
  isUniqueViolation(error: unknown): boolean;
  /** A deadlock, a conflict with another node, a busy file: the same transaction may succeed when run again. */
  isRetryable(error: unknown): boolean;
  /** A lock was waited for in vain. Only who needs that row fails; others can go on. */
  isLockTimeout(error: unknown): boolean;
  /** The database can't be reached, went away, takes no writes, or does not give a lock. */
  isUnavailable(error: unknown): boolean;
  /** What an operator has to change where the database is set up so that the server can't work; a sentence. */
  adviceOn(error: unknown): string | undefined;
  /** The id of an INSERT's first row, from the id that the driver tells and the number of rows. */
  firstId(toldId: number, rows: number): number;
  /** `(a, b) in …` for `count` pairs of placeholders. */
  rowIn(columns: readonly string[], count: number): string;
  /**
   * The end of an INSERT that, where a row's key exists, updates that row.
   * @param set the assignments; `new(column)` in them is the value that the INSERT has for it
   */
  onExisting(keys: readonly string[], set: string): string;
  /** Inserts `row`; where its key exists, sets the columns `changed` (all others than the keys, when left out). */
  upsert(
    db: Kysely<Schema>,
    table: keyof Schema,
    keys: readonly string[],
    row: Record<string, unknown>,
    changed?: readonly string[],
  ): Promise<void>;
  hasColumn(db: Kysely<unknown>, table: string, column: string): Promise<boolean>;
  hasIndex(db: Kysely<unknown>, table: string, index: string): Promise<boolean>;
  /** Makes an index again with other columns, in one go. */
  replaceIndex(db: Kysely<unknown>, table: string, index: string, columns: readonly string[]): Promise<void>;
  /** All or none of them. @param columns their types, by name */
  addColumns(
    db: Kysely<unknown>,
    table: string,
    columns: Readonly<Record<string, RawBuilder<unknown>>>,
  ): Promise<void>;
  /** Lets a `longText` column that is in no index be null. It may run again. */
  dropNotNull(db: Kysely<unknown>, table: string, column: string): Promise<void>;
  /** Gives a NOT NULL column that is in no index a default. It may run again. @param type the column's own */
  setDefault(
    db: Kysely<unknown>,
    table: string,
    column: string,
    type: RawBuilder<unknown>,
    value: number | string,
  ): Promise<void>;
  /** Those of `names` that are views. */
  viewsAmong(db: Kysely<Schema>, names: readonly string[]): Promise<string[]>;
  /** Whether a migration that fails half-way leaves nothing behind. MySQL commits each DDL statement by itself. */
  readonly hasTransactionalDdl: boolean;
  /** Whether several schemas lie beside each other on one server, so that views can look into another one. */
  readonly hasSchemas: boolean;
}

interface ColumnTypes {
  /** A key that the database gives out, rising. */
  id: RawBuilder<unknown>;
  bigint: ColumnDataType;
  longText: ColumnDataType | RawBuilder<unknown>;
  time: RawBuilder<unknown>;
  date: RawBuilder<unknown>;
}

/** `columns`, without those of `keys`. */
export function otherThan(keys: readonly string[], columns: readonly string[]): string[] {
  return columns.filter((column) => !keys.includes(column));
}
