import { sql } from 'kysely';
import { type Dialect, otherThan } from '../dialect';
import { placeholders } from '../statement';
import { adviceOn, isLockTimeout, isRetryable, isUnavailable, isUniqueViolation } from './mysql-errors';

/** MySQL 8 and MariaDB 10.6: only SQL that both take. */
export const mysqlDialect: Dialect = {
  types: {
    id: sql`bigint not null auto_increment primary key`,
    bigint: 'bigint',
    longText: sql`mediumtext`,
    time: sql`datetime(3)`,
    date: sql`date`,
  },
  // A collation that both MySQL and MariaDB have, and in which ids that differ in case differ.
  tableOptions: sql`engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin`,
  forUpdate: ' for update',
  // MariaDB knows no FOR SHARE.
  forShare: ' lock in share mode',
  now: 'utc_timestamp(3)',
  idStep: '@@auto_increment_increment',
  // Microseconds that end with three zeros: times are whole milliseconds.
  millisecondsBetween: (from, to) => `(timestampdiff(microsecond, ${from}, ${to}) div 1000)`,
  isUniqueViolation,
  isRetryable,
  isLockTimeout,
  isUnavailable,
  adviceOn,
  firstId: (toldId) => toldId,
  rowIn: (columns, count) =>
    `(${columns.join(', ')}) in (${Array.from({ length: count }, () => `(${placeholders(columns.length)})`).join(', ')})`,
  onExisting: (_keys, set) => ` on duplicate key update ${set.replaceAll('new(', 'values(')}`,
  upsert: async (db, table, keys, row, changed = otherThan(keys, Object.keys(row))) => {
    // Setting a key to itself changes nothing: MySQL has no "do nothing" that would not hide other errors.
    const updates = (changed.length === 0 ? keys : changed).map((column) =>
      changed.length === 0
        ? sql`${sql.ref(column)} = ${sql.ref(column)}`
        : sql`${sql.ref(column)} = values(${sql.ref(column)})`,
    );
    await sql`insert into ${sql.table(table)} (${sql.join(Object.keys(row).map((column) => sql.ref(column)))})
      values (${sql.join(Object.values(row))}) on duplicate key update ${sql.join(updates)}`.execute(db);
  },
  hasColumn: async (db, table, column) => {
    const found = await sql`select 1 from information_schema.columns
      where table_schema = database() and table_name = ${table} and column_name = ${column}`.execute(db);
    return found.rows.length > 0;
  },
  hasIndex: async (db, table, index) => {
    const found = await sql`select 1 from information_schema.statistics
      where table_schema = database() and table_name = ${table} and index_name = ${index} limit 1`.execute(
      db,
    );
    return found.rows.length > 0;
  },
  replaceIndex: async (db, table, index, columns) => {
    await sql`alter table ${sql.table(table)} drop index ${sql.ref(index)},
      add index ${sql.ref(index)} (${sql.join(columns.map((column) => sql.ref(column)))})`.execute(db);
  },
  addColumns: async (db, table, columns) => {
    const added = Object.entries(columns).map(([name, type]) => sql`add column ${sql.ref(name)} ${type}`);
    await sql`alter table ${sql.table(table)} ${sql.join(added)}`.execute(db);
  },
  dropNotNull: async (db, table, column) => {
    await sql`alter table ${sql.table(table)} modify column ${sql.ref(column)} mediumtext null`.execute(db);
  },
  setDefault: async (db, table, column, _type, value) => {
    await sql`alter table ${sql.table(table)} alter column ${sql.ref(column)} set default ${sql.lit(value)}`.execute(
      db,
    );
  },
  viewsAmong: async (db, names) => {
    const found = await sql<{ name: string }>`select table_name as name from information_schema.views
      where table_schema = database() and table_name in (${sql.join(names)})`.execute(db);
    return found.rows.map(({ name }) => name);
  },
  hasTransactionalDdl: false,
  hasSchemas: true,
};
