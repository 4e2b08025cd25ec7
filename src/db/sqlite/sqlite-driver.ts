import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';
import { type SqliteDatabase, type SqliteStatement } from 'kysely';

/** What the embedded database needs of its driver, in the form in which Kysely takes it. */
export interface SqliteDriver extends SqliteDatabase {
  /** For the log. */
  readonly name: string;
}

/** The parts of `node:sqlite` that are used; Node 20 does not have it, so its types are not there either. */
interface NodeSqlite {
  DatabaseSync: new (file: string) => {
    exec(sql: string): void;
    prepare(sql: string): {
      all(...values: unknown[]): object[];
      run(...values: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
      iterate(...values: unknown[]): IterableIterator<object>;
    };
    close(): void;
  };
}

type BetterSqlite = typeof BetterSqlite3;

const NO_DRIVER =
  'The embedded database needs Node 22.13 or newer, or the optional package better-sqlite3 built for this Node ' +
  '(run "npm rebuild better-sqlite3", which needs a C++ compiler); or set IM_DATABASE_URL to a mysql:// URL';

/**
 * Opens a file (or `:memory:`) by better-sqlite3 where it is installed and built for this Node, else by Node's own SQLite.
 * @param find gives a package or module, or undefined where it is not there
 * @throws Error with a sentence for the operator where there is neither; the driver's error when the file can't be opened
 */
export function openDriver(file: string, find: (name: string) => unknown = loaded): SqliteDriver {
  const better = find('better-sqlite3') as BetterSqlite | undefined;
  if (better !== undefined) {
    try {
      const raw = new better(file);
      return {
        name: 'better-sqlite3',
        prepare: (sql) => raw.prepare(sql),
        close: () => void raw.close(),
      };
    } catch (error) {
      if (!isNotBuilt(error)) throw error;
    }
  }
  const node = find('node:sqlite') as NodeSqlite | undefined;
  if (node === undefined) throw new Error(NO_DRIVER);
  return openByNode(node, file);
}

/** Both drivers may be missing. */
const load = createRequire(__filename);

function loaded(name: string): unknown {
  try {
    return load(name);
  } catch {
    // Not installed, or a Node that does not have it: the caller has another way, or says what to do.
    return undefined;
  }
}

/** better-sqlite3 loads its binary when the first file is opened. */
function isNotBuilt(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === undefined || code === 'ERR_DLOPEN_FAILED' || code === 'MODULE_NOT_FOUND';
}

function openByNode({ DatabaseSync }: NodeSqlite, file: string): SqliteDriver {
  const raw = named(() => new DatabaseSync(file));
  return {
    name: 'node:sqlite',
    prepare: (sql) => {
      const statement = named(() => raw.prepare(sql));
      return {
        reader: READS.test(sql),
        all: (values) => named(() => statement.all(...values)).map(plain),
        run: (values) => named(() => statement.run(...values)),
        *iterate(values) {
          for (const row of statement.iterate(...values)) yield plain(row);
        },
      } satisfies SqliteStatement;
    },
    close: () => raw.close(),
  };
}

/** Node's rows have no prototype, better-sqlite3's and mysql2's have that of objects. */
function plain(row: object): object {
  return { ...row };
}

/** A statement that gives rows. No statement of ours has RETURNING. */
const READS = /^\s*(?:select|with|values|pragma|explain)\b/i;

/** Extended result codes (https://sqlite.org/rescode.html) by the names that better-sqlite3 gives them. */
const CODES: ReadonlyMap<number, string> = new Map([
  [1555, 'SQLITE_CONSTRAINT_PRIMARYKEY'],
  [2067, 'SQLITE_CONSTRAINT_UNIQUE'],
]);

/** The same by their lower eight bits. */
const PRIMARY_CODES: ReadonlyMap<number, string> = new Map([
  [5, 'SQLITE_BUSY'],
  [8, 'SQLITE_READONLY'],
  [10, 'SQLITE_IOERR'],
  [13, 'SQLITE_FULL'],
  [14, 'SQLITE_CANTOPEN'],
  [19, 'SQLITE_CONSTRAINT'],
]);

/** Node's errors have numbers; they get better-sqlite3's codes, which all else goes by. */
function named<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { errcode } = error as { errcode?: number };
    const code =
      errcode === undefined ? undefined : (CODES.get(errcode) ?? PRIMARY_CODES.get(errcode & 0xff));
    throw code === undefined ? error : Object.assign(error as Error, { code });
  }
}
