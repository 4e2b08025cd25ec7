import { sql } from 'kysely';
import { type Database, type Queryable } from '../../db/database';
import { checkSchemaName, lookFor, oneAtATime, ViewsError } from './views-of-schema';

/** The views for the platform's own statements; each has the name of the table of ours that it reads. */
export const REPORT_VIEWS = [
  'sessions',
  'participants',
  'topics',
  'doctors',
  'patients',
  'system_messages',
  'muc_messages',
  'p2p_messages',
  'group_messages',
] as const;

export type ReportView = (typeof REPORT_VIEWS)[number];

/** Schemas of the database server itself. */
const OF_THE_SERVER = ['information_schema', 'mysql', 'performance_schema', 'sys'];

export interface ReportViewsPlan {
  /** The schema that gets the views; it is made where it is missing. */
  schema: string;
  /** CREATE OR REPLACE VIEW statements, with `{view}` and `{im}` where the names go. */
  definitions: Record<ReportView, string>;
}

/**
 * Makes the nine views. Each is first made under another name and tried; then one RENAME TABLE puts all in place at once,
 * so that a statement of the platform's never misses one, and a command that is cut off anywhere is simply run again.
 * @throws ViewsError; the database's error otherwise. Either way no view of the schema has changed.
 */
export async function makeReportViews(database: Database, plan: ReportViewsPlan): Promise<void> {
  const { schema } = plan;
  checkSchemaName(database, schema);
  await oneAtATime(database, 'report_views', async (db) => {
    const { isOwn, isThere, own } = await lookFor(db, schema);
    if (isOwn) throw new ViewsError(`${schema} is the server's own schema: the views need another one.`);
    if (OF_THE_SERVER.includes(schema.toLowerCase()))
      throw new ViewsError(`${schema} is a schema of the database server's own.`);
    const existing = isThere ? await viewsOfOurs(db, own, schema) : [];
    await sql`create schema if not exists ${sql.id(schema)} default character set utf8mb4`.execute(db);
    await dropLeftovers(db, schema);
    try {
      for (const name of REPORT_VIEWS) await stage(db, own, name, plan);
      await putInPlace(db, schema, existing);
    } finally {
      await dropLeftovers(db, schema);
    }
  });
}

const staged = (name: string) => `${name}_im_new`;
const replaced = (name: string) => `${name}_im_old`;

/**
 * The views that are there from an earlier time.
 * @throws ViewsError when one of the names is a table's, or a view's that does not read our table
 */
async function viewsOfOurs(db: Queryable, own: string, schema: string): Promise<string[]> {
  const { rows } = await sql<{ name: string; type: string; definition: string | null }>`select
      t.table_name as name, t.table_type as type, v.view_definition as definition
    from information_schema.tables t
    left join information_schema.views v on v.table_schema = t.table_schema and v.table_name = t.table_name
    where t.table_schema = ${schema} and t.table_name in (${sql.join(REPORT_VIEWS)})`.execute(db);
  for (const { definition, name, type } of rows) {
    if (type !== 'VIEW')
      throw new ViewsError(`${schema} has a table ${name}: the views need another schema.`);
    // The database writes every name in full.
    if (definition?.includes(`\`${own}\`.\`${name}\``) !== true)
      throw new ViewsError(`${schema} has a view ${name} that is not of ${own}'s table: drop it first.`);
  }
  return rows.map(({ name }) => name);
}

async function stage(
  db: Queryable,
  own: string,
  name: ReportView,
  { definitions, schema }: ReportViewsPlan,
): Promise<void> {
  const statement = definitions[name]
    .replaceAll('{view}', () => `\`${schema}\`.\`${staged(name)}\``)
    .replaceAll('{im}', () => `\`${own}\``);
  try {
    await sql.raw(statement).execute(db);
    await sql`select * from ${sql.id(schema, staged(name))} limit 1`.execute(db);
  } catch (error) {
    throw new ViewsError(
      `The view ${name} can't be made: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

async function putInPlace(db: Queryable, schema: string, existing: readonly string[]): Promise<void> {
  const rename = (from: string, to: string) => sql`${sql.id(schema, from)} to ${sql.id(schema, to)}`;
  const renames = [
    ...existing.map((name) => rename(name, replaced(name))),
    ...REPORT_VIEWS.map((name) => rename(staged(name), name)),
  ];
  await sql`rename table ${sql.join(renames)}`.execute(db);
}

/** Views under the names that last only while the command runs. */
async function dropLeftovers(db: Queryable, schema: string): Promise<void> {
  const names = REPORT_VIEWS.flatMap((name) => [staged(name), replaced(name)]);
  await sql`drop view if exists ${sql.join(names.map((name) => sql.id(schema, name)))}`.execute(db);
}
