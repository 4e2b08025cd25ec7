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

/**
 * CREATE INDEX that may run again; MySQL knows no IF NOT EXISTS for it.
 * @param options `where`: only of rows that meet it, if the dialect has `partialIndexes`
 */
export async function createIndex(
  db: Kysely<unknown>,
  dialect: Dialect,
  table: string,
  name: string,
  columns: readonly string[],
  { unique = false, where }: { unique?: boolean; where?: string } = {},
): Promise<void> {
  if (await dialect.hasIndex(db, table, name)) return;
  await sql`create ${sql.raw(unique ? 'unique ' : '')}index ${sql.ref(name)} on ${sql.table(table)}
    (${sql.join(columns.map((column) => sql.ref(column)))})${sql.raw(where === undefined ? '' : ` where ${where}`)}`.execute(
    db,
  );
}

/** Renames a table that is there still; a view of that name is none. */
export async function renameTable(db: Kysely<unknown>, from: string, to: string): Promise<void> {
  const tables = await db.introspection.getTables();
  if (!tables.some(({ isView, name }) => name === from && !isView)) return;
  await db.schema.alterTable(from).renameTo(to).execute();
}

/** CREATE VIEW that may run again. On MySQL it asks for nobody's rights but the reader's, so the account that made it may go. */
export async function createView(
  db: Kysely<unknown>,
  name: string,
  select: RawBuilder<unknown>,
): Promise<void> {
  const tables = await db.introspection.getTables();
  if (tables.some((table) => table.name === name)) return;
  await sql`create /*! sql security invoker */ view ${sql.table(name)} as ${select}`.execute(db);
}

/** ALTER TABLE … ADD COLUMN that may run again. The column may be null. */
export async function addColumn(
  db: Kysely<unknown>,
  table: string,
  column: string,
  type: ColumnDataType | RawBuilder<unknown>,
): Promise<void> {
  const tables = await db.introspection.getTables();
  const { columns } = tables.find(({ name }) => name === table) ?? { columns: [] };
  if (columns.some(({ name }) => name === column)) return;
  await db.schema
    .alterTable(table)
    .addColumn(column, type as ColumnDataType)
    .execute();
}

/** DROP INDEX that may run again. */
export async function dropIndex(
  db: Kysely<unknown>,
  dialect: Dialect,
  table: string,
  name: string,
): Promise<void> {
  if (!(await dialect.hasIndex(db, table, name))) return;
  await dialect.dropIndex(db, table, name);
}
