import { sql } from 'kysely';
import { type Database, type Queryable } from '../../db/database';

/** The views onto the platform's database, and the columns that each must have. */
export const PLATFORM_VIEWS = {
  doctors: ['id', 'name', 'sex', 'birthdate', 'avatar', 'openid'],
  patients: ['id', 'name', 'sex', 'birthdate', 'avatar', 'openid'],
  wlyy_consults: ['code'],
} as const;

export type PlatformView = keyof typeof PLATFORM_VIEWS;

const NAMES = Object.keys(PLATFORM_VIEWS) as PlatformView[];
const SCHEMA = /^[A-Za-z0-9_$-]{1,64}$/;
const LOCK_WAIT_SECONDS = 30;
const LOCK_NAME = sql`concat(left(database(), 40), '.platform_views')`;

/** Why the views can't be made, in a sentence for the operator. Nothing was changed. */
class PlatformViewsError extends Error {
  override readonly name = 'PlatformViewsError';
}

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
 * @throws PlatformViewsError; the database's error otherwise. Either way all is as before.
 */
export async function makePlatformViews(database: Database, plan: PlatformViewsPlan): Promise<string[]> {
  if (!database.dialect.hasSchemas) {
    throw new PlatformViewsError(
      'The views need the platform beside ours on MySQL or MariaDB: IM_DATABASE_URL names an embedded SQLite database.',
    );
  }
  if (!SCHEMA.test(plan.schema)) {
    throw new PlatformViewsError('A schema name has 1 to 64 of the characters A-Z, a-z, 0-9, _, $ and -.');
  }
  return database.kysely.connection().execute(async (db) => {
    // RENAME TABLE waits for transactions on the tables; by default that may take a year.
    await sql`set session lock_wait_timeout = ${sql.lit(LOCK_WAIT_SECONDS)}`.execute(db);
    await oneAtATime(db);
    try {
      await checkSchema(db, plan.schema);
      return await replace(db, plan);
    } finally {
      await sql`do release_lock(${LOCK_NAME})`.execute(db);
    }
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

async function oneAtATime(db: Queryable): Promise<void> {
  const { rows } = await sql<{ got: number | null }>`select
    get_lock(${LOCK_NAME}, ${LOCK_WAIT_SECONDS}) as got`.execute(db);
  if (rows[0]?.got !== 1)
    throw new PlatformViewsError('The views are being made by somebody else right now.');
}

async function checkSchema(db: Queryable, schema: string): Promise<void> {
  const { rows } = await sql<{ own: string; found: number }>`select database() as own,
    (select count(*) from information_schema.schemata where schema_name = ${schema}) as found`.execute(db);
  const { found, own } = rows[0] ?? { found: 0, own: '' };
  if (own.toLowerCase() === schema.toLowerCase()) {
    throw new PlatformViewsError(`${schema} is the server's own schema, not the platform's.`);
  }
  if (found === 0) {
    throw new PlatformViewsError(`There is no schema ${schema} here, or this account may not read it.`);
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
    throw new PlatformViewsError(
      `${full.join(' and ')} hold profiles of the server's own. With --keep they stay, as ${full.map((name) => `${name}_own`).join(' and ')}, and the platform's take their place.`,
    );
  }
  const empty: string[] = [];
  for (const aside of own.map((name) => `${name}_own`)) {
    const kind = kinds.get(aside);
    if (kind === 'absent') continue;
    if (kind === 'view' || !(await isEmpty(aside))) {
      throw new PlatformViewsError(`${aside} is where the server's own table would go: rename it first.`);
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
    throw new PlatformViewsError(
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
