import { type Kysely, type RawBuilder, sql } from 'kysely';
import { type Dialect, otherThan } from '../dialect';
import { placeholders } from '../statement';

function codeOf(error: unknown): string {
  return (error as { code?: string } | null)?.code ?? '';
}

/** Milliseconds since the epoch, in whole numbers: julianday() is a float that is too coarse for them. */
function milliseconds(time: string): string {
  return `(cast(strftime('%s', ${time}) as integer) * 1000 + cast(substr(${time}, 21, 3) as integer))`;
}

const UNAVAILABLE = ['SQLITE_BUSY', 'SQLITE_CANTOPEN', 'SQLITE_FULL', 'SQLITE_READONLY', 'SQLITE_IOERR'];

export const sqliteDialect: Dialect = {
  types: {
    id: sql`integer not null primary key autoincrement`,
    bigint: 'bigint',
    longText: 'text',
    time: sql`text`,
    date: sql`text`,
  },
  tableOptions: sql``,
  forUpdate: '',
  forShare: '',
  now: `strftime('%Y-%m-%d %H:%M:%f', 'now')`,
  idStep: '1',
  millisecondsBetween: (from, to) => `(${milliseconds(to)} - ${milliseconds(from)})`,
  isUniqueViolation: (error) =>
    ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY'].includes(codeOf(error)),
  isRetryable: (error) => codeOf(error).startsWith('SQLITE_BUSY'),
  isLockTimeout: () => false,
  isUnavailable: (error) => UNAVAILABLE.some((code) => codeOf(error).startsWith(code)),
  adviceOn: () => undefined,
  // SQLite tells the id of the last row.
  firstId: (toldId, rows) => toldId - rows + 1,
  rowIn: (columns, count) =>
    `(${columns.join(', ')}) in (values ${Array.from({ length: count }, () => `(${placeholders(columns.length)})`).join(', ')})`,
  onExisting: (keys, set) =>
    ` on conflict (${keys.join(', ')}) do update set ${set.replace(/new\((\w+)\)/g, 'excluded.$1')}`,
  upsert: async (db, table, keys, row, changed = otherThan(keys, Object.keys(row))) => {
    const updates = changed.map((column) => sql`${sql.ref(column)} = ${sql.ref(`excluded.${column}`)}`);
    const action = updates.length === 0 ? sql`do nothing` : sql`do update set ${sql.join(updates)}`;
    await sql`insert into ${sql.table(table)} (${sql.join(Object.keys(row).map((column) => sql.ref(column)))})
      values (${sql.join(Object.values(row))})
      on conflict (${sql.join(keys.map((key) => sql.ref(key)))}) ${action}`.execute(db);
  },
  hasColumn: async (db, table, column) => {
    const found = await sql`select 1 from pragma_table_info(${table}) where name = ${column}`.execute(db);
    return found.rows.length > 0;
  },
  hasIndex: async (db, table, index) => {
    const found = await sql`select 1 from sqlite_master
      where type = 'index' and tbl_name = ${table} and name = ${index}`.execute(db);
    return found.rows.length > 0;
  },
  replaceIndex: async (db, table, index, columns) => {
    await sql`drop index if exists ${sql.ref(index)}`.execute(db);
    await sql`create index ${sql.ref(index)} on ${sql.table(table)}
      (${sql.join(columns.map((column) => sql.ref(column)))})`.execute(db);
  },
  // One a statement; the step's transaction makes them one.
  addColumns: async (db, table, columns) => {
    for (const [name, type] of Object.entries(columns))
      await sql`alter table ${sql.table(table)} add column ${sql.ref(name)} ${type}`.execute(db);
  },
  dropNotNull: async (db, table, column) => {
    const strict = await sql`select 1 from pragma_table_info(${table})
      where name = ${column} and "notnull" = 1`.execute(db);
    if (strict.rows.length > 0) await replaceColumn(db, table, column, sql`text`);
  },
  setDefault: async (db, table, column, type, value) => {
    const bare = await sql`select 1 from pragma_table_info(${table})
      where name = ${column} and dflt_value is null`.execute(db);
    if (bare.rows.length > 0)
      await replaceColumn(db, table, column, sql`${type} not null default ${sql.lit(value)}`);
  },
  viewsAmong: async (db, names) => {
    const found = await sql<{ name: string }>`select name from sqlite_master
      where type = 'view' and name in (${sql.join(names)})`.execute(db);
    return found.rows.map(({ name }) => name);
  },
  hasTransactionalDdl: true,
  hasSchemas: false,
};

/** SQLite changes no column: a new one takes the old one's place and name. The step's transaction makes it one change. */
async function replaceColumn(
  db: Kysely<unknown>,
  table: string,
  column: string,
  definition: RawBuilder<unknown>,
): Promise<void> {
  const [target, old, changed] = [sql.table(table), sql.ref(column), sql.ref(`${column}_changed`)];
  await sql`alter table ${target} add column ${changed} ${definition}`.execute(db);
  await sql`update ${target} set ${changed} = ${old}`.execute(db);
  await sql`alter table ${target} drop column ${old}`.execute(db);
  await sql`alter table ${target} rename column ${changed} to ${old}`.execute(db);
}
