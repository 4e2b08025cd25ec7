import { sql } from 'kysely';
import { type Database, type Queryable } from '../../db/database';
import { checkSchemaName, lookFor, oneAtATime, ViewsError } from './views-of-schema';

/** The views onto the platform's database, and the columns that each must have. */
export const PLATFORM_VIEWS = {
  doctors: ['id', 'name', 'sex', 'birthdate', 'avatar', 'openid'],
  patients: ['id', 'name', 'sex', 'birthdate', 'avatar', 'openid'],
  wlyy_consults: ['code'],
} as const;

export type PlatformView = keyof typeof PLATFORM_VIEWS;

const NAMES = Object.keys(PLATFORM_VIEWS) as PlatformView[];

export interface PlatformViewsPlan {
  /** The platform's schema, on the same database server. */
  schema: string;
  /** CREATE OR REPLACE VIEW statements, with `{view}` and `{platform}` where the names go. */
  definitions: Record<PlatformView, string>;
  /** Whether tables of ours that hold profiles may be put aside, as `<name>_own`. */
  keep: boolean;
}

type Kind = 'absent' | 'view' | 'table';

/**
 * Makes `doctors`, `patients` and `wlyy_consults` views onto the platform's schema. Each is first made under another name
 * and tried; then one RENAME TABLE puts all in place at once, so that a running server never misses one, and a command
 * that is cut off anywhere is simply run again.
 * @returns what was done, and what the operator should look at: a sentence each
 * @throws ViewsError; the database's error otherwise. Either way all is as before.
 */
export async function makePlatformViews(database: Database, plan: PlatformViewsPlan): Promise<string[]> {
  checkSchemaName(database, plan.schema);
  return oneAtATime(database, 'platform_views', async (db) => {
    await checkSchema(db, plan.schema);
    return replace(db, plan);
  });
}

async function replace(db: Queryable, plan: PlatformViewsPlan): Promise<string[]> {
  await dropLeftovers(db);
  const kinds = await kindsOf(db);
  const own = NAMES.filter((name) => kinds.get(name) === 'table');
  await makeWay(db, kinds, own, plan.keep);
  const notes = own.map((name) => `The server's own table ${name} is now ${name}_own.`);
  try {
    for (const name of NAMES) notes.push(...(await stage(db, name, plan)));
    const pairs = NAMES.flatMap((name) => {
      const kind = kinds.get(name);
      const aside =
        kind === 'absent' ? [] : [`\`${name}\` to \`${name}${kind === 'table' ? '_own' : '_old'}\``];
      return [...aside, `\`${name}_new\` to \`${name}\``];
    });
    await sql`rename table ${sql.raw(pairs.join(', '))}`.execute(db);
  } finally {
    await dropLeftovers(db);
  }
  return notes;
}

/** Views under the names that last only while the command runs. */
async function dropLeftovers(db: Queryable): Promise<void> {
  const names = NAMES.flatMap((name) => [`${name}_new`, `${name}_old`]);
  await sql`drop view if exists ${sql.join(names.map((name) => sql.table(name)))}`.execute(db);
}

async function checkSchema(db: Queryable, schema: string): Promise<void> {
  const { isOwn, isThere } = await lookFor(db, schema);
  if (isOwn) throw new ViewsError(`${schema} is the server's own schema, not the platform's.`);
  if (!isThere) {
    throw new ViewsError(`There is no schema ${schema} here, or this account may not read it.`);
  }
}

/** What the names stand for, and those under which our own tables are put aside. */
async function kindsOf(db: Queryable): Promise<Map<string, Kind>> {
  const wanted = NAMES.flatMap((name) => [name, `${name}_own`]);
  const { rows } = await sql<{ name: string; type: string }>`select table_name as name, table_type as type
    from information_schema.tables where table_schema = database() and table_name in (${sql.join(wanted)})`.execute(
    db,
  );
  const types = new Map(rows.map(({ name, type }) => [name, type === 'VIEW' ? 'view' : 'table'] as const));
  return new Map(wanted.map((name) => [name, types.get(name) ?? 'absent']));
}

/** Sees to it that the tables of ours can be put aside; an empty one that lies there from an earlier time goes. */
async function makeWay(
  db: Queryable,
  kinds: ReadonlyMap<string, Kind>,
  own: readonly PlatformView[],
  keep: boolean,
): Promise<void> {
  const isEmpty = async (table: string): Promise<boolean> =>
    (await sql`select 1 from ${sql.table(table)} limit 1`.execute(db)).rows.length === 0;

  const full: string[] = [];
  for (const name of own) if (!(await isEmpty(name))) full.push(name);
  if (full.length > 0 && !keep) {
    throw new ViewsError(
      `${full.join(' and ')} hold profiles of the server's own. With --keep they stay, as ${full.map((name) => `${name}_own`).join(' and ')}, and the platform's take their place.`,
    );
  }
  const empty: string[] = [];
  for (const aside of own.map((name) => `${name}_own`)) {
    const kind = kinds.get(aside);
    if (kind === 'absent') continue;
    if (kind === 'view' || !(await isEmpty(aside))) {
      throw new ViewsError(`${aside} is where the server's own table would go: rename it first.`);
    }
    empty.push(aside);
  }
  for (const aside of empty) await sql`drop table ${sql.table(aside)}`.execute(db);
}

/** Makes the view under another name and reads from it. @returns what may be wrong with it */
async function stage(db: Queryable, name: PlatformView, plan: PlatformViewsPlan): Promise<string[]> {
  const staged = `${name}_new`;
  const columns = PLATFORM_VIEWS[name];
  try {
    const statement = plan.definitions[name]
      .replaceAll('{view}', () => `\`${staged}\``)
      .replaceAll('{platform}', () => `\`${plan.schema}\``);
    await sql.raw(statement).execute(db);
    await sql`select ${sql.join(columns.map((column) => sql.ref(column)))} from ${sql.table(staged)} limit 1`.execute(
      db,
    );
  } catch (error) {
    throw new ViewsError(
      `${name}.sql does not fit the platform's schema: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  const { rows } = await sql<{
    type: string | null;
    possible_keys: string | null;
  }>`explain format = traditional
    select ${sql.ref(columns[0])} from ${sql.table(staged)} where ${sql.ref(columns[0])} = 'a'`.execute(db);
  const scans = rows.some(({ possible_keys: keys, type }) => type === 'ALL' && keys === null);
  return scans
    ? [`Looking up a ${columns[0]} in ${name} reads all of it: give the platform's column an index.`]
    : [];
}
