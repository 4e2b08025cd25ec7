import { type ColumnDataType, type CreateTableBuilder, type Kysely, type RawBuilder, sql } from 'kysely';
import { type Dialect } from '../dialect';

export type TableBuilder = CreateTableBuilder<string>;

/** CREATE TABLE that may run again after a step was cut off. */
export async function createTable(
  db: Kysely<unknown>,
  dialect: Dialect,
  name: string,
  columns: (builder: TableBuilder) => TableBuilder,
): Promise<void> {
  await columns(db.schema.createTable(name).ifNotExists()).modifyEnd(dialect.tableOptions).execute();
}

/** ALTER TABLE … ADD COLUMN that may run again; MySQL knows no IF NOT EXISTS for it. */
export async function addColumn(
  db: Kysely<unknown>,
  dialect: Dialect,
  table: string,
  column: string,
  type: ColumnDataType | RawBuilder<unknown>,
): Promise<void> {
  if (await dialect.hasColumn(db, table, column)) return;
  await db.schema
    .alterTable(table)
    .addColumn(column, type as never)
    .execute();
}

/** CREATE INDEX that may run again; MySQL knows no IF NOT EXISTS for it. */
export async function createIndex(
  db: Kysely<unknown>,
  dialect: Dialect,
  table: string,
  name: string,
  columns: readonly string[],
  unique = false,
): Promise<void> {
  if (await dialect.hasIndex(db, table, name)) return;
  await sql`create ${sql.raw(unique ? 'unique ' : '')}index ${sql.ref(name)} on ${sql.table(table)}
    (${sql.join(columns.map((column) => sql.ref(column)))})`.execute(db);
}

/** Adds columns all at once; it may run again, since the first one tells of all. @param columns their types, by name */
export async function addColumns(
  db: Kysely<unknown>,
  dialect: Dialect,
  table: string,
  columns: Readonly<Record<string, RawBuilder<unknown>>>,
): Promise<void> {
  const [first] = Object.keys(columns);
  if (first !== undefined && !(await dialect.hasColumn(db, table, first)))
    await dialect.addColumns(db, table, columns);
}

/** What all processes share and a restart must not forget. It is there before the first step: the steps' own lease is in it. */
export async function createServerState(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  await createTable(db, dialect, 'server_state', (builder) =>
    builder
      .addColumn('name', 'varchar(64)', (column) => column.notNull().primaryKey())
      .addColumn('value', 'varchar(255)', (column) => column.notNull()),
  );
}
