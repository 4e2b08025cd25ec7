import {
  type ColumnDataType,
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type Kysely,
  type KyselyPlugin,
  OperationNodeTransformer,
  type PluginTransformQueryArgs,
  type RawBuilder,
  type SelectQueryNode,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  sql,
} from 'kysely';
import { escape } from 'mysql2';
import { type Schema } from './schema';
import { IdOf, SqlExpression, SqlText, type SqlValue, type Statement, statement } from './sql-text';
import { EXPECT_FUNCTION, OUTDATED } from './sqlite-statements';

/** Every difference between the databases is in this file, and in no other. */
export interface Dialect {
  readonly name: 'sqlite' | 'mysql';
  readonly begin: string;
  /** Ends a SELECT that locks its rows until the transaction's end. SQLite's write transactions exclude each other. */
  readonly forUpdate: string;
  readonly types: ColumnTypes;
  /** Appended to CREATE TABLE. */
  readonly tableOptions: RawBuilder<unknown>;
  isUniqueViolation(error: unknown): boolean;
  /** A deadlock, a busy file: the same transaction may succeed when run again. */
  isRetryable(error: unknown): boolean;
  /** A lock was waited for in vain: whoever holds it may be frozen. Others than who needs it can go on. */
  isLockTimeout(error: unknown): boolean;
  /** The database can't be reached, went away, or does not give a lock. */
  isUnavailable(error: unknown): boolean;
  /** What a transaction relied on does not hold: it is to be made again from what the database says. */
  isOutdated(error: unknown): boolean;
  /**
   * A SELECT over the rows of `table` that meet `where`, which fails (`isOutdated`) unless `expected`, an expression of
   * aggregates, holds.
   */
  expectOf(table: string, expected: string, where: (text: SqlText) => void): Statement;
  /**
   * What it takes to update many rows by one statement with `onExisting`, where that is better: on MySQL a statement costs
   * as much as ten rows. SQLite prepares one of a constant text once.
   */
  readonly together: UpdatesTogether | undefined;
  /** `(a, b) in …` for `count` pairs of parameters. */
  rowIn(columns: readonly string[], count: number): string;
  /**
   * The end of an INSERT that, where a row's key exists, updates that row: many rows of known keys in one statement, which
   * costs less than an UPDATE each, or than a join with a derived table.
   * @param set what becomes of a row that exists, from left to right; `new(column)` in it is the value given
   */
  onExisting(keys: readonly string[], set: string): string;
  /** The distance between the ids of one INSERT's rows: not 1 in a Galera or group-replication cluster. */
  readonly idStep: string;
  /**
   * Runs `before`, inserts rows into tables with rising ids, then runs `rest`, which may speak of the new ids.
   * On MySQL all of it is one round trip, in which the ids are known by variables.
   * @param step the distance between the ids of one INSERT's rows
   * @param insertsLater how many of the statements in `rest` make ids of their own and speak of these
   * @returns the first id of each insert
   */
  insertThen(
    run: RunTogether,
    before: readonly Statement[],
    inserts: readonly RowInsert[],
    rest: (idOf: (insert: number, row: number) => SqlValue) => Statement[],
    step: number,
    insertsLater: number,
  ): Promise<number[]>;
  /** Inserts `row`; where its key exists, sets the columns `changed` (all others than the keys, when left out). */
  upsert(
    db: Kysely<Schema>,
    table: keyof Schema,
    keys: readonly string[],
    row: Record<string, unknown>,
    changed?: readonly string[],
  ): Promise<void>;
  hasIndex(db: Kysely<unknown>, table: string, index: string): Promise<boolean>;
  dropIndex(db: Kysely<unknown>, table: string, index: string): Promise<void>;
  /** Makes a column of texts that must be there one of a byte, where the database has such a kind; its values stay the texts. */
  enumerate(db: Kysely<unknown>, table: string, column: string, values: readonly string[]): Promise<void>;
  /** Whether an index may be of some of the rows only. */
  readonly partialIndexes: boolean;
  /** For how many transactions, one behind the other, a connection may be kept: on SQLite who reads has to wait for it. */
  readonly mostBehind: number;
}

export interface UpdatesTogether {
  /** SQL for `column`, a number, that fails (`isOutdated`) unless `condition` holds. */
  readonly onlyIf: (condition: string, column: string) => string;
  /** What a row that existed adds to the number of changes; a new one adds 1. */
  readonly countOfExisting: number;
}

interface ColumnTypes {
  /** A key that the database gives out, rising. */
  id: RawBuilder<unknown>;
  bigint: ColumnDataType;
  longText: ColumnDataType | RawBuilder<unknown>;
  time: RawBuilder<unknown>;
  date: RawBuilder<unknown>;
}

/** An INSERT of `count` rows. */
export interface RowInsert {
  statement: Statement;
  count: number;
}

/** What one statement of `RunTogether` came to. `insertId` is the first id of a multi-row INSERT on MySQL, the last on SQLite. */
export interface StatementResult {
  rows: Record<string, unknown>[];
  insertId: number;
  affectedRows: number;
}

/** Runs statements in their order on one connection, in one round trip where the database is across a network. */
export interface RunTogether {
  (statements: readonly Statement[]): Promise<StatementResult[]>;
  /**
   * The same for a transaction with its COMMIT, its values as parameters: see `runPipelined`. undefined: it can't be run
   * in this way, and was not.
   */
  readonly pipelined?: (statements: readonly Statement[]) => Promise<StatementResult[] | undefined>;
  /**
   * The same for a transaction with its BEGIN and its COMMIT that does not wait for the answer to the one which was run last
   * on this connection, and which it presupposes: where that one fails, it does, too (`isOutdated`). undefined: not here.
   */
  readonly behind?: (statements: readonly Statement[]) => Promise<StatementResult[]>;
}

function errorCode(error: unknown): { code?: string; errno?: number; fatal?: boolean } {
  return typeof error === 'object' && error !== null ? error : {};
}

function pairs(count: number, width: number): string {
  const row = `(${Array.from({ length: width }, () => '?').join(', ')})`;
  return Array.from({ length: count }, () => row).join(', ');
}

function otherThan(keys: readonly string[], row: Record<string, unknown>): string[] {
  return Object.keys(row).filter((column) => !keys.includes(column));
}

const UNAVAILABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'PROTOCOL_ENQUEUE_AFTER_QUIT',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'PROTOCOL_PACKETS_OUT_OF_ORDER',
  'POOL_CLOSED',
]);

/** What stands in single quotes as it is; nearly every id, name, time and content is of this kind. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const PLAIN_TEXT = /^[^\\'\0\b\n\r\t\x1a]*$/;

/** A literal of MySQL's. The driver escapes what has to be. */
function literal(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && PLAIN_TEXT.test(value)
    ? `'${value}'`
    : escape(value as never, true, 'Z');
}

/** A statement of MySQL's with its values in their places. (The driver's own way of it is several times slower.) */
export function mysqlText({ parameters, sql }: Statement): string {
  if (parameters.length === 0) return sql;
  // What a user wrote is never in the text, so that each mark is a parameter's.
  const parts = sql.split('?');
  let text = parts[0] ?? '';
  for (let index = 0; index < parameters.length; index += 1) {
    text += literal(parameters[index]) + (parts[index + 1] ?? '');
  }
  return text;
}

/** ER_DATA_OUT_OF_RANGE: one more than the largest integer is refused, by MySQL and MariaDB alike. */
export const OUT_OF_RANGE = 1690;
export const LARGEST = '9223372036854775807';

/** `expectChanges` on MySQL, in the round trip: a SELECT after the statement. (A name of its own: the driver keeps a parser by it.) */
export function mysqlExpectChanges(changes: number): string {
  return `select ${LARGEST} + (row_count() <> ${changes}) as expected`;
}

/** ER_LOCK_WAIT_TIMEOUT */
const LOCK_TIMEOUT = 1205;

/** Too many connections, shutting down, killed, read-only: the database is there but can't serve now. */
const UNAVAILABLE_ERRNOS = new Set([
  LOCK_TIMEOUT,
  1040,
  1053,
  1077,
  1079,
  1152,
  1158,
  1159,
  1160,
  1161,
  1203,
  1290,
  1317,
  1836,
  1927,
]);

export const mysql: Dialect = {
  name: 'mysql',
  begin: 'start transaction',
  forUpdate: ' for update',
  types: {
    id: sql`bigint not null auto_increment primary key`,
    bigint: 'bigint',
    longText: sql`mediumtext`,
    time: sql`datetime(3)`,
    date: sql`date`,
  },
  // A collation that both MySQL and MariaDB have, and in which ids that differ in case differ.
  tableOptions: sql`engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin`,
  isUniqueViolation: (error) => [1062, 1586].includes(errorCode(error).errno ?? 0),
  isRetryable: (error) => [1213, 1020].includes(errorCode(error).errno ?? 0),
  isLockTimeout: (error) => errorCode(error).errno === LOCK_TIMEOUT,
  isUnavailable: (error) => {
    const { code, errno, fatal } = errorCode(error);
    // What the driver says of a connection that it has lost before has no code: "Can't add new command …", and this is
    // what comes of a transaction that could not be rolled back.
    const lostBefore = fatal === true && code === undefined && errno === undefined;
    return lostBefore || UNAVAILABLE_CODES.has(code ?? '') || UNAVAILABLE_ERRNOS.has(errno ?? 0);
  },
  isOutdated: (error) => errorCode(error).code === OUTDATED || errorCode(error).errno === OUT_OF_RANGE,
  expectOf: (table, expected, where) => {
    // Begins with a value, as what goes through a pipeline does; and it has no rows, which would have to be taken in.
    const text = new SqlText('set @expected = ').value(0);
    text.add(` + (select ${LARGEST} + (not (${expected})) from ${table} where `);
    where(text);
    return text.add(')').statement;
  },
  together: {
    // The sum depends on the column, so that it is not worked out, and refused, before there is a row.
    onlyIf: (condition, column) =>
      `case when ${condition} then ${column} else ${LARGEST} + (${column} + 1) end`,
    countOfExisting: 2,
  },
  rowIn: (columns, count) => `(${columns.join(', ')}) in (${pairs(count, columns.length)})`,
  onExisting: (_keys, set) => ` on duplicate key update ${set.replaceAll('new(', 'values(')}`,
  idStep: '@@auto_increment_increment',
  insertThen: async (run, before, inserts, rest, step, insertsLater) => {
    // What last_insert_id() says stays until a later statement has made ids.
    const needsNames = inserts.length > 1 || insertsLater > 1;
    const first = (insert: number) => (needsNames ? `@first${insert}` : 'last_insert_id()');
    const later = rest((insert, row) => new SqlExpression(`${first(insert)} + ?`, [row * step]));
    const named = (insert: RowInsert, index: number) =>
      needsNames
        ? [insert.statement, statement(`set ${first(index)} = last_insert_id() + ?`, [0])]
        : [insert.statement];
    const width = needsNames ? 2 : 1;
    const firstOf = (results: readonly StatementResult[]) =>
      inserts.map((_insert, index) => results[before.length + index * width]?.insertId ?? 0);
    const statements = [...before, ...inserts.flatMap(named), ...later];
    return firstOf((await run.pipelined?.(statements)) ?? (await run(statements)));
  },
  upsert: async (db, table, keys, row, changed = otherThan(keys, row)) => {
    // Setting a key to itself changes nothing: MySQL has no "do nothing" that would not hide other errors.
    const updates = (changed.length === 0 ? keys : changed).map((column) =>
      changed.length === 0
        ? sql`${sql.ref(column)} = ${sql.ref(column)}`
        : sql`${sql.ref(column)} = values(${sql.ref(column)})`,
    );
    await sql`insert into ${sql.table(table)} (${sql.join(Object.keys(row).map((column) => sql.ref(column)))})
      values (${sql.join(Object.values(row))}) on duplicate key update ${sql.join(updates)}`.execute(db);
  },
  hasIndex: async (db, table, index) => {
    const found = await sql`select 1 from information_schema.statistics
      where table_schema = database() and table_name = ${table} and index_name = ${index} limit 1`.execute(
      db,
    );
    return found.rows.length > 0;
  },
  dropIndex: async (db, table, index) => {
    await sql`drop index ${sql.ref(index)} on ${sql.table(table)}`.execute(db);
  },
  enumerate: async (db, table, column, values) => {
    const kind = sql.join(values.map((value) => sql.lit(value)));
    await sql`alter table ${sql.table(table)} modify ${sql.ref(column)} enum(${kind}) not null`.execute(db);
  },
  partialIndexes: false,
  mostBehind: 1_000,
};

export const sqlite: Dialect = {
  name: 'sqlite',
  begin: 'begin immediate',
  forUpdate: '',
  types: {
    id: sql`integer not null primary key autoincrement`,
    bigint: 'bigint',
    longText: 'text',
    time: sql`text`,
    date: sql`text`,
  },
  tableOptions: sql``,
  isUniqueViolation: (error) =>
    ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY'].includes(errorCode(error).code ?? ''),
  isRetryable: (error) => (errorCode(error).code ?? '').startsWith('SQLITE_BUSY'),
  isLockTimeout: () => false,
  isUnavailable: (error) =>
    ['SQLITE_CANTOPEN', 'SQLITE_FULL', 'SQLITE_READONLY'].some((code) =>
      (errorCode(error).code ?? '').startsWith(code),
    ) || (errorCode(error).code ?? '').startsWith('SQLITE_IOERR'),
  isOutdated: (error) => errorCode(error).code === OUTDATED,
  expectOf: (table, expected, where) => {
    const text = new SqlText(`select ${EXPECT_FUNCTION}(${expected}, 1) from ${table} where `);
    where(text);
    return text.statement;
  },
  together: undefined,
  rowIn: (columns, count) => `(${columns.join(', ')}) in (values ${pairs(count, columns.length)})`,
  onExisting: (keys, set) =>
    ` on conflict (${keys.join(', ')}) do update set ${set.replace(/new\((\w+)\)/g, 'excluded.$1')}`,
  idStep: '1',
  insertThen: async (run, before, inserts, rest, step) => {
    // From the id of its last row, which is what SQLite tells, to that of its first.
    const toFirst = inserts.map(({ count }) => (1 - count) * step);
    const results = await run([
      ...before,
      ...inserts.map((insert) => insert.statement),
      ...rest((insert, row) => new IdOf(before.length + insert, (toFirst[insert] ?? 0) + row * step)),
    ]);
    return toFirst.map((add, index) => (results[before.length + index]?.insertId ?? NaN) + add);
  },
  upsert: async (db, table, keys, row, changed = otherThan(keys, row)) => {
    const updates = changed.map((column) => sql`${sql.ref(column)} = ${sql.ref(`excluded.${column}`)}`);
    const action = updates.length === 0 ? sql`do nothing` : sql`do update set ${sql.join(updates)}`;
    await sql`insert into ${sql.table(table)} (${sql.join(Object.keys(row).map((column) => sql.ref(column)))})
      values (${sql.join(Object.values(row))})
      on conflict (${sql.join(keys.map((key) => sql.ref(key)))}) ${action}`.execute(db);
  },
  hasIndex: async (db, table, index) => {
    const found = await sql`select 1 from sqlite_master
      where type = 'index' and tbl_name = ${table} and name = ${index}`.execute(db);
    return found.rows.length > 0;
  },
  dropIndex: async (db, _table, index) => {
    await sql`drop index ${sql.ref(index)}`.execute(db);
  },
  enumerate: () => Promise.resolve(),
  partialIndexes: true,
  mostBehind: 10,
};

/** SQLite has no row locks: takes `for update` off the queries that Kysely builds. */
export class WithoutRowLocks implements KyselyPlugin {
  readonly #transformer = new (class extends OperationNodeTransformer {
    protected override transformSelectQuery(node: SelectQueryNode): SelectQueryNode {
      const { endModifiers: _locks, ...rest } = super.transformSelectQuery(node);
      return rest;
    }
  })();

  transformQuery(args: PluginTransformQueryArgs) {
    return this.#transformer.transformNode(args.node);
  }

  transformResult(args: { result: { rows: unknown[] } }) {
    return Promise.resolve(args.result as never);
  }
}

/**
 * A deferred transaction that reads and then writes is refused at once when another process writes in between
 * (https://sqlite.org/lang_transaction.html): so every transaction takes the write lock at its start.
 */
class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(sqlite.begin));
  }
}

/** A migration that fails half-way leaves nothing behind: SQLite's DDL is transactional. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

export class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: ConstructorParameters<typeof SqliteDialect>[0];

  constructor(config: ConstructorParameters<typeof SqliteDialect>[0]) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }

  override createAdapter() {
    return new TransactionalDdlAdapter();
  }
}
